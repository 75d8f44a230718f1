//! The order of a collection: all of it at once, and one item behind another.

use super::*;

on_both!(sets_the_whole_order, |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 5).await;
    let id = filled(&alice, &ids[..4]).await;
    let path = format!("/collections/{id}/order");
    let pick = |places: &[usize]| -> Vec<String> { places.iter().map(|place| ids[*place].clone()).collect() };
    let before = (version(&alice, &id).await, server.events().await.len());
    let bad = [
        ("one missing", json!({ "media_ids": pick(&[0, 1, 2]) }), vec!["media_ids"]),
        ("one twice", json!({ "media_ids": pick(&[0, 1, 2, 3, 3]) }), vec!["media_ids"]),
        ("one twice instead of another", json!({ "media_ids": pick(&[0, 1, 2, 2]) }), vec!["media_ids"]),
        ("one that is not in it", json!({ "media_ids": pick(&[0, 1, 2, 3, 4]) }), vec!["media_ids"]),
        ("one that is not there", json!({ "media_ids": [ids[0], ids[1], ids[2], random_item(1)] }), vec!["media_ids"]),
        ("none", json!({ "media_ids": [] }), vec!["media_ids"]),
        ("null", json!({ "media_ids": null }), vec!["media_ids"]),
        ("no member", json!({}), vec!["media_ids"]),
        ("no id", json!({ "media_ids": [ids[0], "x"] }), vec!["media_ids[1]"]),
        ("too many", json!({ "media_ids": (0..1001).map(random_item).collect::<Vec<_>>() }), vec!["media_ids"]),
        ("an unknown member", json!({ "media_ids": pick(&[0, 1, 2, 3]), "after": null }), vec!["after"]),
    ];
    for (what, body, fields) in bad {
        assert_eq!(alice.put(&path, body).await.error(400, "validation_error"), fields, "an order with {what}");
    }
    assert_eq!((version(&alice, &id).await, server.events().await.len()), before);
    assert_eq!(contents(&alice, &id).await, ids[..4]);
    for order in [[3, 2, 1, 0], [1, 3, 0, 2], [0, 1, 2, 3]] {
        alice.put(&path, json!({ "media_ids": pick(&order) })).await.expect(204);
        assert_eq!(contents(&alice, &id).await, pick(&order));
    }
    let told = (version(&alice, &id).await, server.events_of(&id).await);
    assert_eq!(told.1[2..], ["collection.updated"; 3]);
    alice.put(&path, json!({ "media_ids": pick(&[0, 1, 2, 3]) })).await.expect(204);
    assert_eq!((version(&alice, &id).await, server.events_of(&id).await), told, "the same order is no change");
    alice.post(&format!("/collections/{id}/media"), json!({ "media_id": ids[4] })).await.expect(200);
    assert_eq!(contents(&alice, &id).await, ids, "what is added after it goes behind it");
});

on_both!(an_order_names_what_can_be_seen, |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 5).await;
    let id = filled(&alice, &ids).await;
    let path = format!("/collections/{id}/order");
    alice.delete(&format!("/media/{}", ids[0])).await.expect(204);
    alice.delete(&format!("/media/{}", ids[2])).await.expect(204);
    let answer = alice.put(&path, json!({ "media_ids": ids })).await;
    answer.error_on(400, "validation_error", &["media_ids"]);
    let seen: Vec<String> = contents(&alice, &id).await.into_iter().rev().collect();
    assert_eq!(seen, [&ids[4], &ids[3], &ids[1]].map(Clone::clone));
    alice.put(&path, json!({ "media_ids": seen })).await.expect(204);
    assert_eq!(contents(&alice, &id).await, seen);
    for back in [0, 2] {
        alice.post_empty(&format!("/media/{}/restore", ids[back])).await.expect(200);
    }
    let want = [&ids[0], &ids[4], &ids[3], &ids[1], &ids[2]].map(Clone::clone);
    assert_eq!(
        contents(&alice, &id).await,
        want,
        "the first stays the first, others stay behind what they were behind"
    );
});

on_both!(moves_one_behind_another, |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 6).await;
    let id = filled(&alice, &ids[..5]).await;
    let path = format!("/collections/{id}/order");
    let before = (version(&alice, &id).await, server.events().await.len());
    let bad = [
        ("nothing", json!({}), "media_id"),
        ("null", json!({ "media_id": null }), "media_id"),
        ("no id", json!({ "media_id": "x" }), "media_id"),
        ("one that is not in it", json!({ "media_id": ids[5] }), "media_id"),
        ("one that is not there", json!({ "media_id": random_item(1) }), "media_id"),
        ("behind no id", json!({ "media_id": ids[0], "after": "x" }), "after"),
        ("behind one that is not in it", json!({ "media_id": ids[0], "after": ids[5] }), "after"),
        ("behind one that is not there", json!({ "media_id": ids[0], "after": random_item(1) }), "after"),
        ("behind itself", json!({ "media_id": ids[0], "after": ids[0] }), "after"),
        ("before another", json!({ "media_id": ids[0], "before": ids[1] }), "before"),
    ];
    for (what, body, field) in bad {
        assert_eq!(alice.patch(&path, body).await.error(400, "validation_error"), [field], "moving {what}");
    }
    assert_eq!((version(&alice, &id).await, server.events().await.len()), before);
    let mut want: Vec<usize> = (0..5).collect();
    let moves = [
        (4, None),
        (0, Some(3)),
        (1, Some(2)),
        (4, Some(0)),
        (3, Some(4)),
        (2, Some(3)),
        (2, None),
        (3, Some(2)),
        (0, Some(3)),
    ];
    for (item, after) in moves {
        let body = json!({ "media_id": ids[item], "after": after.map(|after: usize| ids[after].clone()) });
        alice.patch(&path, body).await.expect(204);
        want.retain(|known| *known != item);
        let at = after.map_or(0, |after| want.iter().position(|known| *known == after).unwrap() + 1);
        want.insert(at, item);
        let named: Vec<String> = want.iter().map(|place| ids[*place].clone()).collect();
        assert_eq!(contents(&alice, &id).await, named, "{item} behind {after:?}");
    }
    let told = (version(&alice, &id).await, server.events_of(&id).await);
    assert_eq!(told.1.len(), 2 + moves.len());
    for (item, after) in [(want[0], None), (want[1], Some(want[0])), (want[4], Some(want[3]))] {
        let body = json!({ "media_id": ids[item], "after": after.map(|after: usize| ids[after].clone()) });
        alice.patch(&path, body).await.expect(204);
        assert_eq!(
            (version(&alice, &id).await, server.events_of(&id).await),
            told,
            "{item} is behind {after:?} already"
        );
    }
});

on_both!(moves_to_the_same_gap_until_all_are_numbered_anew, |server| async move {
    let alice = server.user("alice").await;
    let mut ids = items(&alice, 4).await;
    let id = filled(&alice, &ids).await;
    let path = format!("/collections/{id}/order");
    // The last one goes behind the first: each move halves the gap, which is used up after twenty.
    for round in 0..60 {
        let last = ids.pop().unwrap();
        alice.patch(&path, json!({ "media_id": last, "after": ids[0] })).await.expect(204);
        ids.insert(1, last);
        assert_eq!(contents(&alice, &id).await, ids, "round {round}");
    }
    // And the second to the front, which goes below zero.
    for round in 0..30 {
        ids.swap(0, 1);
        alice.patch(&path, json!({ "media_id": ids[0] })).await.expect(204);
        assert_eq!(contents(&alice, &id).await, ids, "round {round} to the front");
    }
    let late = item(&alice, 100).await;
    alice.post(&format!("/collections/{id}/media"), json!({ "media_id": late })).await.expect(200);
    ids.push(late);
    assert_eq!(contents(&alice, &id).await, ids, "the end is still the end");
    must_be_sound(&server, "after many moves").await;
});

on_both!(moves_among_what_can_be_seen, |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 4).await;
    let id = filled(&alice, &ids).await;
    let path = format!("/collections/{id}/order");
    alice.delete(&format!("/media/{}", ids[1])).await.expect(204);
    for (what, body, field) in [
        ("of one in the trash", json!({ "media_id": ids[1] }), "media_id"),
        ("behind one in the trash", json!({ "media_id": ids[0], "after": ids[1] }), "after"),
    ] {
        assert_eq!(alice.patch(&path, body).await.error(400, "validation_error"), [field], "a move {what}");
    }
    let told = server.events_of(&id).await;
    alice.patch(&path, json!({ "media_id": ids[2], "after": ids[0] })).await.expect(204);
    assert_eq!(server.events_of(&id).await, told, "it was behind it already, as far as one could see");
    alice.patch(&path, json!({ "media_id": ids[3], "after": ids[0] })).await.expect(204);
    assert_eq!(contents(&alice, &id).await, [&ids[0], &ids[3], &ids[2]].map(Clone::clone));
    alice.post_empty(&format!("/media/{}/restore", ids[1])).await.expect(200);
    assert_eq!(contents(&alice, &id).await.len(), 4);
});
