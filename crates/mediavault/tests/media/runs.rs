//! Pages of a library of several thousand items, which are found by kept runs: deleting, restoring and uploading across
//! the borders of runs must leave every page right.

use super::seed::{Dice, copy, insert, template};
use super::*;

/// Each page of the whole library, by its number.
async fn walk(actor: &Actor, sort: &str) -> Vec<String> {
    let (mut ids, mut page) = (Vec::new(), 1);
    loop {
        let answer = actor.get(&format!("/media?per_page=100&sort={sort}&page={page}")).await;
        let items = answer.expect(200);
        let items = items.as_array().unwrap();
        ids.extend(items.iter().map(|item| id_of(item).to_owned()));
        let pagination = answer.meta()["pagination"].clone();
        assert_eq!(pagination["links"]["next"].is_null(), pagination["next_cursor"].is_null(), "page {page}");
        if pagination["links"]["next"].is_null() {
            assert_eq!(pagination["total"], ids.len(), "{sort}");
            return ids;
        }
        assert_eq!(items.len(), 100, "page {page} of {sort}");
        page += 1;
    }
}

#[track_caller]
fn same(found: &[String], expected: &[String], what: &str) {
    let differs = found.iter().zip(expected).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{what}: {} items instead of {}, differing from {differs:?} on",
        found.len(),
        expected.len()
    );
}

async fn check_pages(actor: &Actor, live: &[String], what: &str) {
    let mut expected = live.to_vec();
    expected.sort();
    same(&walk(actor, "created_at").await, &expected, &format!("{what}, oldest first"));
    expected.reverse();
    same(&walk(actor, "-created_at").await, &expected, &format!("{what}, newest first"));
    sound(&actor.server).await;
}

on_both!(pages_stay_right_across_the_borders_of_runs, |server| async move {
    let alice = server.user("alice").await;
    let template = template(&alice).await;
    let mut dice = Dice::new(5);
    let begin = template.created_at.millis() - 1_000_000_000;
    let items: Vec<_> = (0..2_500).map(|n| copy(&template, begin + n * 10, &mut dice)).collect();
    let ids: Vec<String> = items.iter().map(|item| item.id.to_string()).collect();
    insert(&server, items).await;
    // Everybody's first item came before the seeds in time of writing, but is the youngest by its id.
    let mut live = [ids.clone(), vec![template.id.to_string()]].concat();
    check_pages(&alice, &live, "as written").await;

    // A full run becomes full again by a restored item from its middle.
    for id in &ids[400..420] {
        alice.delete(&format!("/media/{id}")).await.expect(204);
        live.retain(|kept| kept != id);
    }
    check_pages(&alice, &live, "20 in the trash").await;
    for n in 0..30 {
        let item = alice.upload("new.jpg", &jpeg(100 + n, 60)).await;
        live.push(id_of(&item).to_owned());
    }
    for id in &ids[400..420] {
        alice.post_empty(&format!("/media/{id}/restore")).await.expect(200);
        live.push(id.clone());
    }
    check_pages(&alice, &live, "restored").await;

    for _ in 0..150 {
        let place = dice.below(live.len() as u64) as usize;
        let id = live.swap_remove(place);
        let permanent = if dice.chance(50) { "?permanent=true" } else { "" };
        alice.delete(&format!("/media/{id}{permanent}")).await.expect(204);
        if permanent.is_empty() && dice.chance(60) {
            alice.post_empty(&format!("/media/{id}/restore")).await.expect(200);
            live.push(id);
        }
    }
    check_pages(&alice, &live, "after 150 changes").await;
});

on_both!(a_full_last_run_takes_its_own_items_back, |server| async move {
    let alice = server.user("alice").await;
    let template = template(&alice).await;
    let mut dice = Dice::new(6);
    let begin = template.created_at.millis() - 1_000_000_000;
    let items: Vec<_> = (0..999).map(|n| copy(&template, begin + n * 10, &mut dice)).collect();
    let ids: Vec<String> = items.iter().map(|item| item.id.to_string()).collect();
    insert(&server, items).await;
    let mut live = [ids.clone(), vec![template.id.to_string()]].concat();
    // The library is one full run. One out of its middle, a new one in, and the one back.
    alice.delete(&format!("/media/{}", ids[500])).await.expect(204);
    let item = alice.upload("new.jpg", &jpeg(7, 60)).await;
    live.push(id_of(&item).to_owned());
    alice.post_empty(&format!("/media/{}/restore", ids[500])).await.expect(200);
    check_pages(&alice, &live, "restored into a full run").await;
    for id in &ids[490..600] {
        alice.delete(&format!("/media/{id}?permanent=true")).await.expect(204);
        live.retain(|kept| kept != id);
    }
    check_pages(&alice, &live, "110 deleted around it").await;
});

on_both!(late_writers_do_not_break_runs, |server| async move {
    let alice = server.user("alice").await;
    let template = template(&alice).await;
    let mut dice = Dice::new(7);
    let begin = template.created_at.millis() - 1_000_000_000;
    let mut items: Vec<_> = (0..2_200).map(|n| copy(&template, begin + n * 10, &mut dice)).collect();
    let live: Vec<String> = items.iter().map(|item| item.id.to_string()).chain([template.id.to_string()]).collect();
    // Ids are drawn before the transactions that write them, so neighbours change places.
    for place in (0..items.len() - 3).step_by(3) {
        items.swap(place, place + 2);
    }
    insert(&server, items).await;
    check_pages(&alice, &live, "written out of order").await;
});
