//! The files of the repository.

use std::{fs, path::Path};

/// A file, named from the root of the repository.
pub struct File {
    pub path: String,
    pub bytes: Vec<u8>,
}

impl File {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), bytes: text.into() }
    }

    /// All files but those that git ignores, also those that nobody has added yet.
    pub fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let ignored = fs::read_to_string(root.join(".gitignore")).expect("a .gitignore");
        let mut skip: Vec<&str> = ignored.lines().filter_map(|l| l.strip_prefix('/')).collect();
        skip.push(".git");
        let mut files = Vec::new();
        walk(root, "", &skip, &mut files);
        files.sort_by(|left, right| left.path.cmp(&right.path));
        files
    }

    /// The text, unless it is none.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// The lines of a source file; none of any other.
    pub fn source_lines(&self) -> Vec<&str> {
        let text = if self.path.ends_with(".rs") { self.text() } else { None };
        text.unwrap_or_default().lines().collect()
    }

    /// A source file's text without its comments.
    pub fn code(&self) -> String {
        let code = |line: &&str| !line.trim_start().starts_with("//");
        self.source_lines().into_iter().filter(code).collect::<Vec<_>>().join("\n")
    }
}

fn walk(folder: &Path, prefix: &str, skip: &[&str], files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder that can be read").flatten() {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().expect("a kind of file");
        if skip.iter().any(|skip| skip.trim_end_matches('/') == path) {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), skip, files);
        } else if let (true, Ok(bytes)) = (kind.is_file(), fs::read(entry.path())) {
            // A file that vanished meanwhile is somebody's temporary file.
            files.push(File { path, bytes });
        }
    }
}
