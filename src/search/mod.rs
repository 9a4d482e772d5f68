//! Words: a tantivy index over subject, messages and tags. Derived from the store; delete it and it is rebuilt.
