//! What has become wrong, and what has been mended: each is said once.

use std::collections::BTreeMap;

use crate::finding::Finding;

/// What was said so far.
#[derive(Debug, Default)]
pub struct Report {
    said: BTreeMap<Finding, Finding>,
}

/// What is new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// What is wrong now and was not before.
    pub wrong: Vec<Finding>,
    /// What was wrong before and is not any more.
    pub mended: Vec<Finding>,
}

impl Report {
    /// Takes note of everything that is wrong now.
    pub fn update(&mut self, findings: Vec<Finding>) -> News {
        // An edit further up moves the line and changes nothing.
        let now: BTreeMap<_, _> = findings.into_iter().map(|f| (Finding { line: 0, ..f.clone() }, f)).collect();
        let wrong = now.iter().filter(|(key, _)| !self.said.contains_key(*key)).map(|(_, finding)| finding.clone());
        let wrong = wrong.collect();
        let before = std::mem::replace(&mut self.said, now);
        let mended = before.into_iter().filter(|(key, _)| !self.said.contains_key(key)).map(|(_, finding)| finding);
        News { wrong, mended: mended.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(line: u32, message: &str) -> Finding {
        Finding {
            file: "a.yaml".into(),
            line,
            object: None,
            path: String::new(),
            reason: "Unreadable".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn everything_is_said_once() {
        let mut report = Report::default();
        let (one, two) = (finding(1, "one"), finding(2, "two"));
        let news = |wrong: &[&Finding], mended: &[&Finding]| News {
            wrong: wrong.iter().map(|finding| (*finding).clone()).collect(),
            mended: mended.iter().map(|finding| (*finding).clone()).collect(),
        };
        assert_eq!(report.update(vec![]), news(&[], &[]));
        assert_eq!(report.update(vec![one.clone()]), news(&[&one], &[]));
        assert_eq!(report.update(vec![one.clone()]), news(&[], &[]));
        assert_eq!(
            report.update(vec![finding(7, "one"), two.clone()]),
            news(&[&two], &[]),
            "only the line has changed"
        );
        assert_eq!(report.update(vec![two.clone()]), news(&[], &[&finding(7, "one")]));
        assert_eq!(report.update(vec![one.clone(), two]), news(&[&one], &[]));
    }
}
