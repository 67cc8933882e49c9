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

/** One job, as `POST /v1/jobs` and the collection `jobs` take it. */
export type Job =
  | { kind: "assemble_upload"; args: AssembleUpload }
  | { kind: "scan_virus"; args: ScanVirus }
  | { kind: "extract_metadata"; args: ExtractMetadata }
  | { kind: "generate_thumbnails"; args: GenerateThumbnails }
  | { kind: "publish_media"; args: PublishMedia }
  | { kind: "generate_avif"; args: GenerateAvif }
  | { kind: "generate_preview"; args: GeneratePreview }
  | { kind: "sweep"; args: Sweep };
