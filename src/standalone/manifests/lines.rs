//! Where the fields of a document stand, so that a verdict can name a line.

use std::collections::BTreeMap;

/// The lines of a value and of everything in it. It holds no values, so it may outlive a Secret's document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    line: u32,
    parts: Parts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Parts {
    #[default]
    None,
    Fields(BTreeMap<String, Lines>),
    Items(Vec<Lines>),
}

impl Lines {
    /// A scalar on this line, counted from 1.
    pub(super) fn scalar() -> Self {
        Self::default()
    }

    /// A mapping.
    pub(super) fn mapping(fields: BTreeMap<String, Self>) -> Self {
        Self { line: 0, parts: Parts::Fields(fields) }
    }

    /// A sequence.
    pub(super) fn sequence(items: Vec<Self>) -> Self {
        Self { line: 0, parts: Parts::Items(items) }
    }

    /// The same value, said to stand on `line`.
    pub(super) fn on(self, line: u32) -> Self {
        Self { line, ..self }
    }

    /// The line of the value itself, counted from 1; of a field, the line of its key.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The line of the field at `path` (`spec.redirectURIs[0]`, `metadata.labels[a.b/c]`), or of the closest thing
    /// around it that is written down: what is missing is reported where it should have been.
    pub fn find(&self, path: &str) -> u32 {
        let mut here = self;
        let mut rest = path;
        while let Some((next, after)) = here.step(rest) {
            here = next;
            rest = after;
        }
        here.line
    }

    /// The items of the list field `name`, in order.
    pub(super) fn take_items(&mut self, name: &str) -> Vec<Self> {
        match &mut self.parts {
            Parts::Fields(fields) => match fields.remove(name) {
                Some(Self { parts: Parts::Items(items), .. }) => items,
                Some(_) | None => Vec::new(),
            },
            Parts::None | Parts::Items(_) => Vec::new(),
        }
    }

    fn step<'a>(&'a self, path: &'a str) -> Option<(&'a Self, &'a str)> {
        let path = path.strip_prefix('.').unwrap_or(path);
        if let Some(bracket) = path.strip_prefix('[') {
            let (inside, rest) = bracket.split_once(']')?;
            let inside = inside.trim_matches(|quote| matches!(quote, '"' | '\''));
            let next = match &self.parts {
                Parts::Items(items) => items.get(inside.parse::<usize>().ok()?)?,
                Parts::Fields(fields) => fields.get(inside)?,
                Parts::None => return None,
            };
            return Some((next, rest));
        }
        let Parts::Fields(fields) = &self.parts else { return None };
        // A key may hold dots itself, so the longest key that fits is taken.
        let ends = path.char_indices().filter(|(_, c)| matches!(c, '.' | '[')).map(|(end, _)| end);
        let mut ends: Vec<_> = ends.chain([path.len()]).collect();
        ends.reverse();
        ends.into_iter().find_map(|end| {
            let (key, rest) = path.split_at_checked(end)?;
            Some((fields.get(key)?, rest))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml;

    #[test]
    fn a_path_leads_to_its_line_or_to_the_closest_one() {
        let text = "apiVersion: v1\nmetadata:\n  labels:\n    a.b/c: d\nspec:\n  uris:\n  - one\n  - two\n  claims:\n  - name: x\n    value: |\n      long\n  flow: {a: 1,\n    b: [2,\n 3]}\n";
        let documents = yaml::documents(text).unwrap();
        let lines = &documents[0].lines;
        for (path, line) in [
            ("", 1),
            ("apiVersion", 1),
            ("metadata.labels[a.b/c]", 4),
            ("metadata.labels.a.b/c", 4),
            ("metadata.labels['a.b/c']", 4),
            ("metadata.name", 2),
            ("spec", 5),
            ("spec.uris", 6),
            ("spec.uris[0]", 7),
            ("spec.uris[1]", 8),
            ("spec.uris[9]", 6),
            ("spec.uris[-1]", 6),
            ("spec.claims[0].value", 11),
            ("spec.claims[0].targets[2]", 10),
            ("spec.flow.b[1]", 15),
            ("spec.none.none", 5),
            ("spec.uris[", 6),
        ] {
            assert_eq!(lines.find(path), line, "{path}");
        }
    }
}
