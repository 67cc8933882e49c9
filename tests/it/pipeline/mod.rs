//! What happens to a file from the door to its publication, job by job, on both engines, and with
//! objects in a bucket.

/// Runs each case on a house with the embedded store, on one with MongoDB, and on one with a
/// bucket.
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

        mod with_a_bucket {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::house::House::on_s3().await).await;
            })+
        }
    };
}

mod broken;
mod fetched;
mod given_up;
mod photo;
mod plans;
mod previews;
mod renewed;
mod revived;
mod scan;
mod stripped;
