//! The one integration binary: each module tests the program from outside.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod answers;
mod backfill;
mod boilerplate;
mod causes;
mod commands;
mod connectors;
mod contract;
mod defaults;
mod delivery_chain;
mod delivery_real;
mod encoder;
mod feed;
mod golden;
mod golden_cases;
mod helpdesk;
mod hooks;
mod imap_real;
mod kill;
mod notifiers;
mod oauth;
mod openapi;
mod pages;
mod parked;
mod planted;
mod quality;
mod redmine_real;
mod reports;
mod roundup_real;
mod rt;
mod rt_to_mailbox;
mod scripted;
mod search;
mod servers;
mod shelf;
mod simulate;
mod sources;
mod store;
mod suggestions;
mod support;
mod teams;
mod tidy;
mod transcript;
mod true_case;
mod verify;
