//! Plain scalars that YAML 1.1 and YAML 1.2 read differently.

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle};

/// A plain scalar that `kubectl`, a YAML 1.1 reader, would take for something else than this program does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Its line, counted from 1.
    pub line: u32,
    /// The path of the field from the root of its document; of a key, the path of what it is the key of.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Every trap of the text, in the order of their lines. Text that is no YAML has those up to its first error.
pub(super) fn find(text: &str) -> Vec<Trap> {
    let mut traps = Vec::new();
    let mut at = Cursor::default();
    for (event, span) in Parser::new_from_str(text).map_while(Result::ok) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "which events there are depends on features of the parser")]
        match event {
            Event::DocumentStart(..) => at = Cursor::default(),
            Event::MappingStart(..) => at.open(Frame::Mapping { key: None }),
            Event::SequenceStart(..) => at.open(Frame::Sequence { index: 0 }),
            Event::MappingEnd | Event::SequenceEnd => at.close(),
            Event::Scalar(value, style, _, tag) => {
                let key = at.is_key();
                if style == ScalarStyle::Plain
                    && tag.is_none()
                    && let Some(meaning) = yaml_1_1(&value)
                {
                    let line = u32::try_from(span.start.line()).unwrap_or(u32::MAX);
                    let path = if key { at.path(&value) } else { at.path("") };
                    // The scalar itself may be a password.
                    let message = format!("kubectl reads this as {meaning}, this program does not: quote it");
                    traps.push(Trap { line, path, message });
                }
                at.scalar(&value);
            }
            Event::Alias(_) => at.scalar(""),
            _ => {}
        }
    }
    traps
}

/// What a YAML 1.1 reader makes of a plain scalar where that differs from YAML 1.2.
fn yaml_1_1(text: &str) -> Option<&'static str> {
    let boolean = match text.len() {
        1 => matches!(text, "y" | "Y" | "n" | "N"),
        2 => matches!(text, "no" | "No" | "NO" | "on" | "On" | "ON"),
        3 => matches!(text, "yes" | "Yes" | "YES" | "off" | "Off" | "OFF"),
        _ => false,
    };
    if boolean {
        return Some("a boolean");
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let octal = unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    octal.then_some("an octal number")
}

/// Where in a document the parser is: the open collections, and of each whether it is itself a key.
#[derive(Default)]
struct Cursor(Vec<(Frame, bool)>);

enum Frame {
    /// `key` is the one whose value comes next.
    Mapping {
        key: Option<String>,
    },
    Sequence {
        index: usize,
    },
}

impl Cursor {
    fn open(&mut self, frame: Frame) {
        let is_key = self.is_key();
        self.0.push((frame, is_key));
    }

    fn close(&mut self) {
        if let Some((_, is_key)) = self.0.pop() {
            // A collection as a key has no text for a path.
            if is_key { self.scalar("") } else { self.finish_value() }
        }
    }

    fn scalar(&mut self, text: &str) {
        match self.0.last_mut() {
            Some((Frame::Mapping { key: key @ None }, _)) => *key = Some(text.to_owned()),
            Some((Frame::Mapping { key: Some(_) } | Frame::Sequence { .. }, _)) => self.finish_value(),
            None => {}
        }
    }

    fn finish_value(&mut self) {
        match self.0.last_mut() {
            Some((Frame::Mapping { key }, _)) => *key = None,
            Some((Frame::Sequence { index }, _)) => *index += 1,
            None => {}
        }
    }

    fn is_key(&self) -> bool {
        matches!(self.0.last(), Some((Frame::Mapping { key: None }, _)))
    }

    /// The path of the value that comes next, with `last` appended if it is not empty.
    fn path(&self, last: &str) -> String {
        let mut path = String::new();
        for (frame, _) in &self.0 {
            match frame {
                Frame::Mapping { key: Some(key) } => push_key(&mut path, key),
                Frame::Mapping { key: None } => {}
                Frame::Sequence { index } => path.extend(["[", &index.to_string(), "]"]),
            }
        }
        if !last.is_empty() {
            push_key(&mut path, last);
        }
        path
    }
}

fn push_key(path: &mut String, key: &str) {
    if key.contains(['.', '/']) {
        path.extend(["[", key, "]"]);
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_1_1_reads_differently_is_found_with_its_path() {
        let check = |text: &str, expect: &[(u32, &str)]| {
            let found: Vec<_> = find(text).into_iter().map(|trap| (trap.line, trap.path)).collect();
            let expect: Vec<_> = expect.iter().map(|(line, path)| (*line, (*path).to_owned())).collect();
            assert_eq!(found, expect, "{text:?}");
        };
        check("spec: {username: no}", &[(1, "spec.username")]);
        check(
            "spec:\n  list: [a, on, {x: Off}]\n  z: YES",
            &[(2, "spec.list[1]"), (2, "spec.list[2].x"), (3, "spec.z")],
        );
        check("a: 012\nb: -07\nc: '012'\nd: 0\ne: 0.5\nf: 10", &[(1, "a"), (2, "b")]);
        check("a: \"no\"\nb: 'yes'\nc: !!str no\nd: nothing\ne: true\nf: noon", &[]);
        check("labels: {no: x, a.b/c: n}", &[(1, "labels.no"), (1, "labels[a.b/c]")]);
        check("a: &x [no]\nb: *x\nc: off", &[(1, "a[0]"), (3, "c")]);
        check("a: 1\n---\nb: {c: [[y]]}\n", &[(3, "b.c[0][0]")]);
        check("? [k, no]\n: v\nz: n", &[(1, "[1]"), (3, "z")]);
        check("a: no\nb: [", &[(1, "a")]);
    }

    #[test]
    fn the_message_says_what_to_do() {
        let traps = find("country: NO");
        assert_eq!(traps[0].message, "kubectl reads this as a boolean, this program does not: quote it");
    }
}
