//! The whole of `groundswell analyze` on 10,000 and 100,000 conversations: the seconds of each step and the peak memory, once
//! each. They are the first lines of `GROUNDSWELL_BENCH_DATA=FILE.jsonl`, or the built-in corpus repeated with a number in
//! each text so that no two are equal. `cargo bench --bench analyze [-- COUNT...]`

use std::io::Write;
use std::process::Command;

use serde_json::Value;

fn main() {
    // `cargo test --benches` passes this: then it only has to start.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let counts: Vec<usize> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let counts = if counts.is_empty() {
        vec![10_000, 100_000]
    } else {
        counts
    };
    for count in counts {
        println!("{}", analyze(count));
    }
}

/// Runs the program on so many conversations and says what its summary says.
fn analyze(count: usize) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (input, out) = (folder.path().join("in.jsonl"), folder.path().join("out"));
    let found = write(&input, count);
    let status = Command::new(env!("CARGO_BIN_EXE_groundswell"))
        .arg("analyze")
        .arg(&input)
        .arg("--out")
        .arg(&out)
        .status()
        .expect("the program starts");
    assert!(status.success(), "analyze failed");
    let summary = std::fs::read_to_string(out.join("summary.json")).expect("analyze wrote it");
    let summary: Value = serde_json::from_str(&summary).expect("the summary is JSON");
    let seconds = summary["seconds"].as_object().into_iter().flatten();
    let steps: Vec<(&String, f64)> = seconds
        .filter_map(|(step, seconds)| Some((step, seconds.as_f64()?)))
        .collect();
    let total: f64 = steps.iter().map(|(_, seconds)| seconds).sum();
    let embedding: f64 = steps
        .iter()
        .filter(|(step, _)| *step == "understanding")
        .map(|(_, seconds)| seconds)
        .sum();
    let steps: Vec<String> = steps
        .iter()
        .map(|(step, seconds)| format!("{step} {seconds:.1} s"))
        .collect();
    format!(
        "{found} conversations: {total:.1} s, without the embedding {:.1} s ({}); peak memory {} MiB; {} topics",
        total - embedding,
        steps.join(", "),
        summary["peak_memory_mib"],
        summary["topics"]
    )
}

/// Writes the conversations; answers how many there are.
fn write(path: &std::path::Path, count: usize) -> usize {
    let given = std::env::var_os("GROUNDSWELL_BENCH_DATA");
    let text = given.as_ref().map_or_else(
        || include_str!("../src/demo/corpus.jsonl").to_owned(),
        |path| std::fs::read_to_string(path).expect("the file can be read"),
    );
    let lines: Vec<&str> = text.lines().collect();
    let many = if given.is_some() {
        count.min(lines.len())
    } else {
        count
    };
    let file = std::fs::File::create(path).expect("a temporary folder can be written to");
    let mut file = std::io::BufWriter::new(file);
    for number in 0..many {
        let line = lines[number % lines.len()];
        let line = if given.is_some() {
            line.to_owned()
        } else {
            numbered(line, number)
        };
        writeln!(file, "{line}").expect("a temporary folder can be written to");
    }
    many
}

/// A conversation of the corpus under an id and with words of its own.
fn numbered(line: &str, number: usize) -> String {
    let mut row: Value = serde_json::from_str(line).expect("the corpus is JSON");
    row["id"] = format!("{number:08}").into();
    if let Some(text) = row["messages"][0]["text"].as_str() {
        row["messages"][0]["text"] = format!("{text} ({number})").into();
    }
    row.to_string()
}
