//! s3s-fs with the rules of S3 that it leaves out: what parts there are and whether they are what
//! was said, what may be completed and aborted, and conditions on the source of a copy.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use iven_worker::adapters::clock::SystemClock;
use jobs::ports::Clock;
use s3s::{Body, S3, S3Request, S3Response, S3Result, TrailingHeaders, dto::*, s3_error};
use s3s_fs::FileSystem;
use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;

/// A multipart upload on its way.
#[derive(Debug, Clone)]
struct Open {
    bucket: String,
    key: String,
    began: SystemTime,
    parts: BTreeMap<i32, Part>,
}

/// What the server knows besides the files, also for a test that looks on.
#[derive(Debug, Clone, Default)]
pub struct Books {
    open: Arc<Mutex<HashMap<String, Open>>>,
    written: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Books {
    /// The keys of multipart uploads on their way.
    pub fn open(&self) -> Vec<String> {
        self.open.lock().unwrap().values().map(|open| open.key.clone()).collect()
    }

    /// All that is on its way began so much earlier.
    pub fn age(&self, by: Duration) {
        self.open.lock().unwrap().values_mut().for_each(|open| open.began -= by);
    }

    /// The key of each write of an object that went well, in their order.
    pub fn written(&self) -> Vec<String> {
        self.written.lock().unwrap().clone()
    }

    /// The key of each GET of an object, however it was answered, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Notes how a write to this key ended.
    fn note<T>(&self, key: String, answer: S3Result<T>) -> S3Result<T> {
        if answer.is_ok() {
            self.written.lock().unwrap().push(key);
        }
        answer
    }
}

/// As S3 does, goes through with a write whose caller hangs up.
async fn through<T: Send + 'static>(
    write: impl Future<Output = S3Result<T>> + Send + 'static,
) -> S3Result<T> {
    TaskTracker::new().spawn(write).await.unwrap()
}

/// The files, and what is on its way to them.
#[derive(Debug)]
pub struct Rules {
    files: Arc<FileSystem>,
    books: Books,
}

impl Rules {
    /// The rules over these files.
    pub fn over(files: FileSystem, books: Books) -> Self {
        Self { files: Arc::new(files), books }
    }

    /// What is on its way under this id; S3 says NoSuchUpload of all others.
    fn known(&self, id: &str) -> S3Result<Open> {
        let open = self.books.open.lock().unwrap();
        open.get(id).cloned().ok_or_else(|| s3_error!(NoSuchUpload))
    }

    fn keep(&self, id: &str, number: i32, size: usize, etag: Option<ETag>, sum: Option<String>) {
        let part = Part {
            part_number: Some(number),
            e_tag: etag,
            size: i64::try_from(size).ok(),
            checksum_sha256: sum,
            ..Part::default()
        };
        if let Some(open) = self.books.open.lock().unwrap().get_mut(id) {
            open.parts.insert(number, part);
        }
    }

    async fn etag(&self, request: &S3Request<CopyObjectInput>) -> S3Result<Option<ETag>> {
        let CopySource::Bucket { bucket, key, .. } = &request.input.copy_source else {
            return Err(s3_error!(NotImplemented));
        };
        let (bucket, key) = (bucket.to_string(), key.to_string());
        let head = HeadObjectInput::builder().bucket(bucket).key(key).build().unwrap();
        let head = S3Request {
            input: head,
            method: request.method.clone(),
            uri: request.uri.clone(),
            headers: request.headers.clone(),
            extensions: Default::default(),
            credentials: request.credentials.clone(),
            region: request.region.clone(),
            service: request.service.clone(),
            trailing_headers: None,
        };
        Ok(self.files.head_object(head).await?.output.e_tag)
    }
}

/// All bytes of a body, and whether it broke off.
async fn whole(body: Option<StreamingBlob>) -> (Bytes, bool) {
    let (mut bytes, mut body) = (BytesMut::new(), body.unwrap());
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(_) => return (bytes.freeze(), true),
        }
    }
    (bytes.freeze(), false)
}

/// Passes these calls on as they are.
macro_rules! as_it_is {
    ($($call:ident: $input:ident -> $output:ident),+ $(,)?) => {
        #[async_trait]
        impl S3 for Rules {
            $(
                async fn $call(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    self.files.$call(request).await
                }
            )+

            async fn copy_object(
                &self,
                request: S3Request<CopyObjectInput>,
            ) -> S3Result<S3Response<CopyObjectOutput>> {
                if let Some(wanted) = &request.input.copy_source_if_match {
                    let there = self.etag(&request).await?;
                    if there.as_ref().map(ETag::value) != wanted.as_etag().map(ETag::value) {
                        return Err(s3_error!(PreconditionFailed));
                    }
                }
                let (files, books) = (self.files.clone(), self.books.clone());
                let key = request.input.key.clone();
                through(async move { books.note(key, files.copy_object(request).await) }).await
            }

            async fn get_object(
                &self,
                request: S3Request<GetObjectInput>,
            ) -> S3Result<S3Response<GetObjectOutput>> {
                self.books.asked.lock().unwrap().push(request.input.key.clone());
                self.files.get_object(request).await
            }

            async fn put_object(
                &self,
                request: S3Request<PutObjectInput>,
            ) -> S3Result<S3Response<PutObjectOutput>> {
                let (files, books) = (self.files.clone(), self.books.clone());
                let key = request.input.key.clone();
                through(async move { books.note(key, files.put_object(request).await) }).await
            }

            async fn create_multipart_upload(
                &self,
                request: S3Request<CreateMultipartUploadInput>,
            ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
                let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
                let created = self.files.create_multipart_upload(request).await?;
                let id = created.output.upload_id.clone().unwrap();
                let (began, parts) = (SystemClock.now().to_system_time(), BTreeMap::new());
                self.books.open.lock().unwrap().insert(id, Open { bucket, key, began, parts });
                Ok(created)
            }

            async fn upload_part(
                &self,
                mut request: S3Request<UploadPartInput>,
            ) -> S3Result<S3Response<UploadPartOutput>> {
                let (id, number) = (request.input.upload_id.clone(), request.input.part_number);
                self.known(&id)?;
                let (bytes, broken) = whole(request.input.body.take()).await;
                if broken {
                    return Err(s3_error!(IncompleteBody));
                }
                let said = request.input.checksum_sha256.clone();
                let sent = request.trailing_headers.as_ref().and_then(TrailingHeaders::take);
                let sent = sent.and_then(|trailers| {
                    let sum = trailers.get("x-amz-checksum-sha256")?;
                    Some(sum.to_str().ok()?.to_owned())
                });
                let (size, sum) = (bytes.len(), BASE64_STANDARD.encode(Sha256::digest(&bytes)));
                if said.or(sent).is_some_and(|said| said != sum) {
                    return Err(s3_error!(BadDigest));
                }
                request.input.body = Some(Body::from(bytes).into());
                let kept = self.files.upload_part(request).await?;
                self.keep(&id, number, size, kept.output.e_tag.clone(), Some(sum));
                Ok(kept)
            }

            async fn upload_part_copy(
                &self,
                request: S3Request<UploadPartCopyInput>,
            ) -> S3Result<S3Response<UploadPartCopyOutput>> {
                let (id, number) = (request.input.upload_id.clone(), request.input.part_number);
                self.known(&id)?;
                let kept = self.files.upload_part_copy(request).await?;
                let part = kept.output.copy_part_result.as_ref();
                let etag = part.and_then(|part| part.e_tag.clone());
                self.keep(&id, number, 0, etag, None);
                Ok(kept)
            }

            async fn list_parts(
                &self,
                request: S3Request<ListPartsInput>,
            ) -> S3Result<S3Response<ListPartsOutput>> {
                let open = self.known(&request.input.upload_id)?;
                let parts = Some(open.parts.into_values().collect());
                Ok(S3Response::new(ListPartsOutput { parts, ..Default::default() }))
            }

            async fn list_multipart_uploads(
                &self,
                request: S3Request<ListMultipartUploadsInput>,
            ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
                let ListMultipartUploadsInput { bucket, prefix, key_marker, .. } = request.input;
                let (prefix, after) = (prefix.unwrap_or_default(), key_marker.unwrap_or_default());
                let open = self.books.open.lock().unwrap();
                let mut uploads: Vec<_> = open
                    .iter()
                    .filter(|(_, open)| open.bucket == bucket)
                    .filter(|(_, open)| open.key.starts_with(&prefix) && open.key > after)
                    .map(|(id, open)| MultipartUpload {
                        key: Some(open.key.clone()),
                        upload_id: Some(id.clone()),
                        initiated: Some(open.began.into()),
                        ..Default::default()
                    })
                    .collect();
                uploads.sort_by_key(|upload| upload.key.clone());
                let uploads = Some(uploads);
                Ok(S3Response::new(ListMultipartUploadsOutput { uploads, ..Default::default() }))
            }

            async fn complete_multipart_upload(
                &self,
                request: S3Request<CompleteMultipartUploadInput>,
            ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
                let id = request.input.upload_id.clone();
                let open = self.known(&id)?;
                let wanted = request.input.multipart_upload.clone().unwrap_or_default();
                for part in wanted.parts.unwrap_or_default() {
                    let kept = part.part_number.and_then(|number| open.parts.get(&number));
                    let value = |etag: &Option<ETag>| etag.as_ref().map(|e| e.value().to_owned());
                    if kept.is_none_or(|kept| value(&kept.e_tag) != value(&part.e_tag)) {
                        return Err(s3_error!(InvalidPart));
                    }
                }
                let (files, books) = (self.files.clone(), self.books.clone());
                through(async move {
                    // Of two at the same time one finds it.
                    let open = books.open.lock().unwrap().remove(&id);
                    let open = open.ok_or_else(|| s3_error!(NoSuchUpload))?;
                    let completed = files.complete_multipart_upload(request).await;
                    if completed.is_err() {
                        books.open.lock().unwrap().insert(id, open.clone());
                    }
                    books.note(open.key, completed)
                })
                .await
            }

            async fn abort_multipart_upload(
                &self,
                request: S3Request<AbortMultipartUploadInput>,
            ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
                let id = request.input.upload_id.clone();
                self.known(&id)?;
                self.books.open.lock().unwrap().remove(&id);
                self.files.abort_multipart_upload(request).await
            }
        }
    };
}

as_it_is! {
    head_bucket: HeadBucketInput -> HeadBucketOutput,
    head_object: HeadObjectInput -> HeadObjectOutput,
    delete_object: DeleteObjectInput -> DeleteObjectOutput,
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output,
}
