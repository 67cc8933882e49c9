//! What happens to a file from the door to its publication, job by job, on both engines.

/// Runs each case on a house with the embedded store and on one with MongoDB.
macro_rules! on_both_engines {
    ($($case:ident)+) => {
        mod embedded {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::house::House::new().await).await;
            })+
        }

        mod mongodb {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::house::House::on_mongodb().await).await;
            })+
        }
    };
}

mod broken;
mod given_up;
mod photo;
mod plans;
mod revived;
mod scan;
