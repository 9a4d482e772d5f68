//! Cases: topics, reports, digests, deliveries.
