//! What benches that work on a store have in common.

/// Runs a bench over as many items as the command line says, else `usual`.
pub fn run<Work>(usual: usize, bench: impl FnOnce(usize) -> Work)
where
    Work: Future<Output = anyhow::Result<()>>,
{
    // `cargo test --benches` passes this: then it only has to start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let count = std::env::args().find_map(|argument| argument.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime
        .block_on(bench(count.unwrap_or(usual)))
        .expect("the bench runs to its end");
}

/// A figure of the process's memory, such as `VmHWM:`, where the system tells.
pub fn memory_mib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}
