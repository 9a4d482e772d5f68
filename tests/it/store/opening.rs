//! Opening: the lock, versions, backup.
