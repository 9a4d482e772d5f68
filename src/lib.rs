//! Groundswell: what customers keep saying, laid beside the official report.
//!
//! The modules in the order of a ticket's way into a digest:
//! `connectors` pull it, `ingest` cleans and redacts it, `store` keeps it, `search` and `embed` index it,
//! `topics` finds what recurs, `reconcile` lays the counts beside the official ones, `digest` composes,
//! `delivery` posts, `web` shows. `model` holds the nouns, `schedule` says what is due.

pub mod answers;
pub mod app;
pub mod changes;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connectors;
pub mod counting;
pub mod daemon;
pub mod delivery;
pub mod demo;
pub mod digest;
pub mod embed;
pub mod export;
pub mod hints;
pub mod ingest;
pub mod model;
pub mod reconcile;
pub mod rounds;
pub mod schedule;
pub mod search;
pub mod section;
pub mod statistics;
pub mod steps;
pub mod store;
pub mod telemetry;
pub mod topics;
pub mod web;
