// What iven-worker does, and with which arguments.

export type AssembleUpload = { 
/**
 * The medium that the upload becomes.
 */
mediaId: string, };

export type ScanVirus = { 
/**
 * The medium to scan.
 */
mediaId: string, };

export type ExtractMetadata = { 
/**
 * The medium to describe.
 */
mediaId: string, };

export type GenerateThumbnails = { 
/**
 * The medium to picture.
 */
mediaId: string, 
/**
 * Of a published medium: make them again if they are of an older recipe than this version.
 */
olderThan?: number, };

export type PublishMedia = { 
/**
 * The medium to publish.
 */
mediaId: string, };

export type GenerateAvif = { 
/**
 * The medium to picture.
 */
mediaId: string, 
/**
 * The version of the settings that it is for.
 */
recipeVersion?: number, };

export type GeneratePreview = { 
/**
 * The film to picture.
 */
mediaId: string, 
/**
 * The version of the settings that it is for.
 */
recipeVersion?: number, };

export type Sweep = Record<symbol, never>;

export type CreateNotification = { 
/**
 * What `POST /v1/notifications` takes.
 */
notification: Record<string, unknown>, 
/**
 * With the same text the notification is written once.
 */
once: string, };

export type ReleaseDue = Record<symbol, never>;

export type DeliverNotification = { 
/**
 * The notification.
 */
notificationId: string, 
/**
 * The way.
 */
channel: "push" | "email" | "in_app" | "sms", };

/** One job, as `POST /v1/jobs` and the collection `jobs` take it. */
export type Job =
  | { kind: "assemble_upload"; args: AssembleUpload }
  | { kind: "scan_virus"; args: ScanVirus }
  | { kind: "extract_metadata"; args: ExtractMetadata }
  | { kind: "generate_thumbnails"; args: GenerateThumbnails }
  | { kind: "publish_media"; args: PublishMedia }
  | { kind: "generate_avif"; args: GenerateAvif }
  | { kind: "generate_preview"; args: GeneratePreview }
  | { kind: "sweep"; args: Sweep }
  | { kind: "create_notification"; args: CreateNotification }
  | { kind: "release_due"; args: ReleaseDue }
  | { kind: "deliver_notification"; args: DeliverNotification };
