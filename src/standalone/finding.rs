//! What is wrong with a manifest, and where.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::manifests::FileProblem;
use crate::manifests::entry::{Named, Source};

/// One thing that is wrong, as `check` prints it and the log names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file, as the user named it.
    #[serde(serialize_with = "path")]
    pub file: PathBuf,
    /// The line, counted from 1; 0 where no line is to blame.
    pub line: u32,
    /// The object; absent for a file that cannot be read.
    #[serde(flatten)]
    pub object: Option<FoundObject>,
    /// The field, such as `spec.redirectURIs[0]`; empty for a file.
    pub path: String,
    /// Why, for machines.
    pub reason: String,
    /// Why, for people, and what mends it.
    pub message: String,
}

/// The object that a finding speaks about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FoundObject {
    /// Its kind; `?` if it says none.
    pub kind: String,
    /// Its namespace; empty where the kind has none.
    pub namespace: String,
    /// Its name; `?` if it says none.
    pub name: String,
}

/// The reason of a file that cannot be read.
pub const UNREADABLE: &str = "Unreadable";

impl Finding {
    /// A finding about an object; an empty path stands for the manifest as a whole.
    pub fn new(source: &Source, line: u32, named: &Named, path: &str, reason: &str, message: String) -> Self {
        let Named { kind, namespace, name } = named.clone();
        let or_unknown = |text: String| if text.is_empty() { "?".to_owned() } else { text };
        Self {
            file: source.file.to_path_buf(),
            line,
            object: Some(FoundObject { kind: or_unknown(kind), namespace, name: or_unknown(name) }),
            path: if path.is_empty() { "manifest".to_owned() } else { path.to_owned() },
            reason: reason.to_owned(),
            message,
        }
    }

    /// A finding about a file.
    pub fn unreadable(problem: &FileProblem) -> Self {
        let FileProblem { file, line, message, kept } = problem;
        let message =
            if *kept { format!("{message}; what was last read from it is still used") } else { message.clone() };
        Self {
            file: file.clone(),
            line: line.unwrap_or_default(),
            object: None,
            path: String::new(),
            reason: UNREADABLE.to_owned(),
            message,
        }
    }

    /// Whether it says that a file cannot be read.
    pub fn is_unreadable(&self) -> bool {
        self.object.is_none()
    }
}

impl fmt::Display for Finding {
    /// `FILE:LINE: Kind namespace/name: spec.path: Reason: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, object, path, reason, message } = self;
        write!(f, "{}:", OneLine(&file.to_string_lossy()))?;
        if *line > 0 {
            write!(f, "{line}:")?;
        }
        if let Some(FoundObject { kind, namespace, name }) = object {
            let slash = if namespace.is_empty() { "" } else { "/" };
            write!(f, " {} {}{slash}{}: {}:", OneLine(kind), OneLine(namespace), OneLine(name), OneLine(path))?;
        }
        write!(f, " {}: {}", OneLine(reason), OneLine(message))
    }
}

/// Text that cannot break out of its line or disguise it, whatever a manifest put into it: control characters and those
/// that reverse the direction of writing are replaced.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let harmless = |c: char| {
            !c.is_control() && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        for c in self.0.chars() {
            f.write_char(if harmless(c) { c } else { char::REPLACEMENT_CHARACTER })?;
        }
        Ok(())
    }
}

fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}
