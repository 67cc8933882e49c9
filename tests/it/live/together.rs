//! Two processes over one MongoDB.

use futures_util::StreamExt;
use iven_worker::{config::Config, wire};
use jobs::{
    model::EventId,
    ports::{Heard, Hearing, Room},
};
use serde_json::Value;

use super::{PATIENCE, step};
use crate::servers::mongodb_url;

async fn house(url: &str, data: &tempfile::TempDir) -> wire::House {
    let settings = format!(
        "[store]\ndata_dir = {:?}\nmongodb_url = {url:?}\n\
         [scanner]\naddress = \"unix:/no/scanner\"\n",
        data.path(),
    );
    let house = wire::house(Config::read(Some(&settings), Vec::new()).unwrap()).await.unwrap();
    house.store.migrate().await.unwrap();
    house.set_clock().await.unwrap();
    house
}

async fn numbers(hearing: &mut Hearing, count: usize) -> Vec<Value> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let heard = tokio::time::timeout(PATIENCE, hearing.next()).await.expect("it is not heard");
        let Some(Heard::Event(_, event)) = heard else { panic!("it ends: {numbers:?}") };
        numbers.push(event.data["number"].clone());
    }
    numbers
}

#[tokio::test]
async fn processes_hear_each_other_in_one_order() {
    let (url, data) = (mongodb_url(), tempfile::tempdir().unwrap());
    let (one, other) = (house(&url, &data).await, house(&url, &data).await);
    let room = [Room::Event(EventId(1))];
    let (_, mut here) = one.tools.live.listen(&room, None).await.unwrap();
    let (_, mut there) = other.tools.live.listen(&room, None).await.unwrap();
    let talk = async {
        for number in 0..20 {
            let from = if number % 3 == 0 { &one } else { &other };
            from.tools.live.announce(&[step(number)]).await;
        }
        let all: Vec<Value> = (0..20_usize).map(Value::from).collect();
        assert_eq!(numbers(&mut here, 20).await, all);
        assert_eq!(numbers(&mut there, 20).await, all);
    };

    tokio::select! {
        () = one.pass_on() => panic!("it stops listening"),
        () = other.pass_on() => panic!("it stops listening"),
        () = talk => {}
    }
}

#[tokio::test]
async fn two_who_announce_at_the_same_time_lose_nothing() {
    let (url, data) = (mongodb_url(), tempfile::tempdir().unwrap());
    let (one, other) = (house(&url, &data).await, house(&url, &data).await);
    let room = [Room::Event(EventId(1))];
    let (_, mut hearing) = one.tools.live.listen(&room, None).await.unwrap();
    let all = |house: wire::House, from: usize| async move {
        for number in from..from + 50 {
            house.tools.live.announce(&[step(number)]).await;
        }
    };

    let talk = async {
        tokio::join!(all(one.clone(), 0), all(other.clone(), 50));
        let mut heard = numbers(&mut hearing, 100).await;
        heard.sort_by_key(Value::as_u64);
        assert_eq!(heard, (0..100_usize).map(Value::from).collect::<Vec<_>>());
    };

    tokio::select! {
        () = one.pass_on() => panic!("it stops listening"),
        () = talk => {}
    }
}
