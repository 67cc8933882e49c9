//! Nobody opens or gets a file that the scanner has not found clean.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use jobs::model::{ProcessingStatus, ScanResult, StepState};

use crate::{
    clamd::server::{TestClamd, eicar},
    house::{Ground, House, fixture, scanner},
};

on_both_engines! {
    an_infected_file_is_never_opened
}

async fn an_infected_file_is_never_opened(house: House) {
    let id = house.media("photo.jpg", &eicar()).await;
    let log = house.drain().await;

    assert_eq!(log, ["assemble_upload: done", "scan_virus: done (infected: Eicar-Test-Signature)"]);
    let media = house.read(id).await;
    assert_eq!(media.processing_status, ProcessingStatus::Failed);
    assert_eq!(media.processing_steps.virus_scanning.result, Some(ScanResult::Infected));
    assert_eq!(media.file_url, None);
    let served = house.bytes(&format!("/v1/media/{id}/file")).await;
    assert_eq!(served, Err(StatusCode::FORBIDDEN));
    assert_eq!(house.ground.files(), [format!("objects/quarantine/1/{id}")]);
}

#[tokio::test]
async fn while_clamd_is_away_nothing_is_published_and_no_attempt_is_counted() {
    let private = TestClamd::start(100);
    let mut ground = Ground::new().await;
    ground.scanner = scanner(&private.address());
    let house = House::on(Arc::new(ground));
    private.stop();

    let id = house.media("photo.jpg", &fixture("images/orientation_1.jpg")).await;
    let away = house.drain().await;
    let waiting = house.read(id).await;
    private.restart();
    house.ground.clock.forward(Duration::from_secs(60));
    let back = house.drain().await;

    assert_eq!(away.len(), 2, "{away:?}");
    assert!(away[1].starts_with("scan_virus: away"), "{away:?}");
    assert_eq!(waiting.processing_status, ProcessingStatus::Processing);
    let step = waiting.processing_steps.virus_scanning;
    assert_eq!(step.state(), StepState::Retrying);
    assert!(step.next_retry_at.is_some());
    assert_eq!(back[0], "scan_virus: done");
    assert_eq!(house.read(id).await.processing_status, ProcessingStatus::Completed);
}
