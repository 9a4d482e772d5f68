//! How large a report may be.

use crate::section::Section;

use super::problem::Problem;

/// How large a report may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportConfig {
    /// A larger file is refused; a spreadsheet may be four times as large once unpacked.
    pub file_mb_max: u64,
}

/// A table of counts is small.
const FILE_MB_MAX: i64 = 32;

impl Default for ReportConfig {
    fn default() -> Self {
        Self {
            file_mb_max: FILE_MB_MAX.unsigned_abs(),
        }
    }
}

impl ReportConfig {
    /// Reads `[report]`.
    pub fn read(mut section: Section<'_>) -> Self {
        let file_mb_max = section
            .number("file_mb_max", FILE_MB_MAX, 1..=1024)
            .unsigned_abs();
        section.finish();
        Self { file_mb_max }
    }

    /// The largest file, in bytes.
    pub fn file_bytes_max(self) -> u64 {
        self.file_mb_max * 1024 * 1024
    }

    /// The largest spreadsheet once unpacked, in bytes.
    pub fn inflated_bytes_max(self) -> u64 {
        self.file_bytes_max() * 4
    }
}

/// Said of a file that is larger than the setting allows.
pub fn too_large(config: ReportConfig) -> Problem {
    let most = config.file_mb_max;
    Problem::whole(format!(
        "is larger than {most} MB; nothing was read ([report] file_mb_max allows more)"
    ))
}
