//! The process dies between each pair of writes, and before and after each word with a carrier.

use std::sync::Arc;

use iven_worker::adapters::documents::Documents;
use jobs::model::{Channel, DeliveryState, NotificationStatus};
use serde_json::json;

use super::{delivery, email::settings, introduce, notify, read, wish, with};
use crate::{
    crash::fuse::{Fuse, Fused},
    house::{Ground, House},
    mail::server::{MailServer, Manner},
};

/// More writes than one notification takes.
const MOST: i64 = 60;

fn on(ground: &Arc<Ground>, store: Arc<dyn Documents>, settings: &str) -> House {
    House::with(ground.clone(), store, ground.objects.clone(), settings)
}

#[tokio::test]
async fn nothing_is_lost_and_a_mail_of_a_server_that_reports_is_never_doubled() {
    for writes in 0..MOST {
        let server = MailServer::start(Manner::good()).await;
        let settings = settings(&server);
        let ground = Arc::new(Ground::new().await);
        let house = on(&ground, ground.store.clone(), &settings);
        introduce(&house).await;
        let fuse = Fuse::after(writes);
        let store = Fused::<dyn Documents> { inner: ground.store.clone(), fuse: fuse.clone() };
        let dying = on(&ground, Arc::new(store), &settings);
        let wish = with(wish(&["email", "in_app"]), json!({ "dedupeKey": "one" }));

        let life = async {
            dying.ask("POST", "/v1/notifications", wish.clone()).await;
            dying.drain().await;
        };
        let survived = tokio::select! {
            biased;
            () = fuse.blown() => false,
            () = life => true,
        };
        drop(dying);
        // Its writer has no answer and asks again; leases lapse, the minute's look looks.
        let (_, kept) = house.ask("POST", "/v1/notifications", wish.clone()).await;
        let id = kept["_id"].as_str().unwrap().parse().unwrap();
        for _ in 0..3 {
            house.recover().await;
            let look = jobs::route::look().unwrap();
            house.parts.tools.queue.push(&[look]).await.unwrap();
            house.drain().await;
        }

        let of = read(&house, id).await;
        assert_eq!(of.status, NotificationStatus::Sent, "died after {writes} writes");
        for channel in [Channel::Email, Channel::InApp] {
            let state = delivery(&of, channel).state;
            assert_eq!(state, DeliveryState::Sent, "{channel:?} after {writes} writes");
        }
        let mails = server.mails().len();
        // Only a death right behind the server's last word makes it a second time, a quarter of an
        // hour later and with the same envelope id: nobody reports here.
        assert!((1..=2).contains(&mails), "{mails} mails after {writes} writes");
        if survived {
            assert_eq!(mails, 1);
            assert!(writes > 5, "the fuse was in the way");
            return;
        }
    }
    panic!("the run does more than {MOST} writes");
}

#[tokio::test]
async fn a_digest_that_dies_anywhere_holds_each_of_its_notifications_once() {
    for writes in 0..MOST {
        let server = MailServer::start(Manner::good()).await;
        let settings = settings(&server);
        let ground = Arc::new(Ground::new().await);
        let house = on(&ground, ground.store.clone(), &settings);
        introduce(&house).await;
        let mut ids = Vec::new();
        for n in 0..3 {
            let digest = json!({ "key": "k", "windowSeconds": 60 });
            let more = json!({ "digest": digest, "title": format!("Titre {n}") });
            ids.push(notify(&house, with(wish(&["email"]), more)).await);
        }
        house.drain().await;
        house.ground.clock.forward(std::time::Duration::from_secs(60));
        let fuse = Fuse::after(writes);
        let store = Fused::<dyn Documents> { inner: ground.store.clone(), fuse: fuse.clone() };
        let dying = on(&ground, Arc::new(store), &settings);
        let survived = tokio::select! {
            biased;
            () = fuse.blown() => false,
            _ = dying.drain() => true,
        };
        drop(dying);
        for _ in 0..4 {
            house.recover().await;
            let look = jobs::route::look().unwrap();
            house.parts.tools.queue.push(&[look]).await.unwrap();
            house.drain().await;
        }

        for id in &ids {
            let state = delivery(&read(&house, *id).await, Channel::Email).state;
            assert_eq!(state, DeliveryState::Sent, "{id} after {writes} writes");
        }
        let mails = server.mails();
        let same = |mail: &crate::mail::server::Received| {
            mail.content.lines().find(|line| line.starts_with("Message-ID")).unwrap().to_owned()
        };
        let mut kinds: Vec<_> = mails.iter().map(same).collect();
        kinds.dedup();
        assert_eq!(kinds.len(), 1, "one message after {writes} writes: {kinds:?}");
        if survived {
            assert_eq!(mails.len(), 1);
            return;
        }
    }
    panic!("the run does more than {MOST} writes");
}
