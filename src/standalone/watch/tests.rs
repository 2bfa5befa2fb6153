use std::fs;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_edit_is_noticed_within_a_second_and_once() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("a.yaml");
    fs::write(&file, "a: 1\n").unwrap();
    let mut changes = watch(vec![root.path().to_owned()]).await;
    assert!(tokio::time::timeout(SECOND, changes.recv()).await.is_err(), "nothing has changed");
    fs::write(&file, "a: 2\n").unwrap();
    tokio::time::timeout(SECOND, changes.recv()).await.unwrap().unwrap();
    assert!(tokio::time::timeout(SECOND, changes.recv()).await.is_err(), "said once");
    fs::remove_file(&file).unwrap();
    tokio::time::timeout(SECOND, changes.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn files_that_are_written_piece_by_piece_are_one_change() {
    let root = tempfile::tempdir().unwrap();
    let mut changes = watch(vec![root.path().to_owned()]).await;
    let path = root.path().join("a.yaml");
    let writer = tokio::spawn(async move {
        let mut text = String::new();
        for line in 0..8 {
            text.extend(["a", &line.to_string(), ": 1\n"]);
            fs::write(&path, &text).unwrap();
            sleep(Duration::from_millis(40)).await;
        }
    });
    tokio::time::timeout(2 * SECOND, changes.recv()).await.unwrap().unwrap();
    assert!(writer.is_finished(), "it was left in peace first");
    assert!(tokio::time::timeout(SECOND, changes.recv()).await.is_err());
}

#[tokio::test]
async fn files_that_never_rest_are_read_nevertheless() {
    let root = tempfile::tempdir().unwrap();
    let mut changes = watch(vec![root.path().to_owned()]).await;
    let path = root.path().join("a.yaml");
    let writer = tokio::spawn(async move {
        for line in 0.. {
            fs::write(&path, format!("a: {line}\n")).unwrap();
            sleep(Duration::from_millis(20)).await;
        }
    });
    tokio::time::timeout(2 * SECOND, changes.recv()).await.unwrap().unwrap();
    tokio::time::timeout(2 * SECOND, changes.recv()).await.unwrap().unwrap();
    writer.abort();
}

#[tokio::test]
async fn a_folder_that_comes_later_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("later");
    let mut changes = watch(vec![folder.clone()]).await;
    fs::create_dir(&folder).unwrap();
    tokio::time::timeout(SECOND, changes.recv()).await.unwrap().unwrap();
}
