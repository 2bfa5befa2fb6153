use serde_json::json;

use super::*;

fn values(text: &str) -> Vec<Value> {
    documents(text).unwrap().into_iter().map(|document| document.value).collect()
}

fn error(text: &str) -> YamlError {
    documents(text).err().unwrap()
}

#[test]
fn documents_of_a_file_keep_their_order_and_lines() {
    let text = "# a comment\n---\na: 1\n---\n---\n# only a comment\n---\nb: 2\n...\n---\n- c\n";
    let found = documents(text).unwrap();
    assert_eq!(
        found.iter().map(|document| &document.value).collect::<Vec<_>>(),
        [&json!({"a": 1}), &json!({"b": 2}), &json!(["c"])]
    );
    assert_eq!(found.iter().map(|document| document.lines.line()).collect::<Vec<_>>(), [3, 8, 11]);
    assert!(documents("").unwrap().is_empty());
    assert!(documents("# nothing\n---\n").unwrap().is_empty());
}

#[test]
fn scalars_are_those_of_yaml_1_2_and_json() {
    let text = "b: [true, False, no, on, y]\nn: [null, ~, ]\ni: [1, -2, 18446744073709551615, 0x1f]\nf: [1.5, 1e3]\ns: ['1', 2027-01-01T00:00:00Z, 12:30, a b, \"\\ud83d\\ude00\"]\nt: !!str 5\n1: one\n";
    assert_eq!(
        values(text),
        [json!({
            "b": [true, false, "no", "on", "y"],
            "n": [null, null],
            "i": [1, -2, 18_446_744_073_709_551_615_u64, 31],
            "f": [1.5, 1000.0],
            "s": ["1", "2027-01-01T00:00:00Z", "12:30", "a b", "😀"],
            "t": "5",
            "1": "one",
        })]
    );
}

#[test]
fn json_files_are_read_too() {
    let text = "{\n\t\"kind\": \"A\",\n\t\"list\": [\n\t\t1,\n\t\t{\"a/b\": \"\\u00e9\\/\"}\n\t]\n}\n";
    let found = documents(text).unwrap();
    assert_eq!(found[0].value, json!({"kind": "A", "list": [1, {"a/b": "é/"}]}));
    assert_eq!(found[0].lines.find("list[1].a/b"), 5);
}

#[test]
fn the_items_of_lists_stand_in_for_them() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- kind: A\n  x: no\n- kind: UserList\n  items:\n  - kind: B\n    z: on\n---\nkind: C\nitems: [1]\n---\nkind: NotAList\nitems: {}\n";
    let found = documents(text).unwrap();
    let kinds: Vec<_> = found.iter().map(|document| document.value["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["A", "B", "C", "NotAList"]);
    assert_eq!(found.iter().map(|document| document.lines.find("kind")).collect::<Vec<_>>(), [4, 8, 11, 14]);
    let traps: Vec<_> =
        found.iter().map(|d| d.traps.iter().map(|t| (t.line, t.path.as_str())).collect::<Vec<_>>()).collect();
    assert_eq!(traps, [vec![(5, "x")], vec![(9, "z")], vec![], vec![]]);
}

#[test]
fn aliases_and_merge_keys_are_expanded() {
    let text = "base: &base {a: 1}\nuse: *base\nmerged:\n  <<: *base\n  b: 2\n";
    assert_eq!(values(text), [json!({"base": {"a": 1}, "use": {"a": 1}, "merged": {"a": 1, "b": 2}})]);
}

#[test]
fn a_file_with_windows_line_ends_and_a_byte_order_mark_is_read() {
    assert_eq!(values("\u{feff}a: 1\r\nb: x\r\n---\r\nc: 2\r\n"), [json!({"a": 1, "b": "x"}), json!({"c": 2})]);
}

#[test]
fn unreadable_text_is_refused_with_its_line() {
    for (text, line, says) in [
        ("a: 1\nb: [1,\n", 2, ""),
        ("a: 1\na: 2\n", 2, "duplicate"),
        ("a:\n\tb: 2\n", 2, "tab"),
        ("a: *nowhere\n", 1, "unknown value"),
        ("a: !custom x\n", 1, "tag"),
        ("a: .inf\n", 1, ""),
        ("a: 1\n---\nb: }\n", 3, ""),
        ("{{ if .Values.x }}\na: 1\n{{ end }}\n", 1, ""),
    ] {
        let error = error(text);
        assert_eq!(error.line, line, "{text:?}: {}", error.message);
        assert!(error.message.to_lowercase().contains(says), "{text:?}: {}", error.message);
        assert!(!error.message.contains('\n'), "{text:?}: {}", error.message);
    }
}

#[test]
fn alias_bombs_and_deep_nesting_are_refused() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ["b", "c", "d", "e", "f", "g", "h"].iter().zip(["a", "b", "c", "d", "e", "f", "g"]) {
        let aliases = vec![format!("*{before}"); 9].join(", ");
        bomb.extend([name, ": &", name, " [", &aliases, "]\n"]);
    }
    assert!(documents(&bomb).is_err());
    let nested = |levels: usize| documents(&format!("{}1{}", "[".repeat(levels), "]".repeat(levels)));
    assert!(nested(MAX_DEPTH).is_ok());
    assert!(nested(MAX_DEPTH + 1).is_err());
    assert!(nested(100_000).is_err());
}

#[test]
fn a_document_that_no_cluster_stores_is_refused() {
    let large = format!("a: 1\n---\nb: \"{}\"\n", "x".repeat(MAX_DOCUMENT_BYTES));
    let error = error(&large);
    assert_eq!(error.line, 3);
    assert!(error.message.contains("larger than 1572864 bytes"), "{}", error.message);
    // Many documents may be larger together.
    let many = "---\nb: \"0123456789\"\n".repeat(20_000);
    assert_eq!(documents(&many).unwrap().len(), 20_000);
}
