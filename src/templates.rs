//! `templates`: looks at the words of notifications before anybody gets them.

use std::{fs, path::PathBuf};

use anyhow::Context;
use clap::Subcommand;

use crate::adapters::templates::Files;

/// What is to be done with templates.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// The folder of your own templates
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a page for each template, with sample values, and an index.html that shows all
    Preview {
        /// Where to
        #[arg(long, default_value = "templates-preview")]
        out: PathBuf,
        /// Only what a reader of this locale gets, such as fr-CA
        #[arg(long)]
        locale: Option<String>,
    },
    /// Say what is wrong with your own templates; exit 1 if anything is
    Check,
}

/// Does what is asked; 1 if templates have faults.
pub fn run(args: Args) -> anyhow::Result<u8> {
    let files = match Files::open(args.dir.as_deref()) {
        Ok(files) => files,
        Err(faults) => {
            eprintln!("{faults}");
            return Ok(1);
        }
    };
    match args.what {
        What::Check => println!("no faults: {} names", files.names().len()),
        What::Preview { out, locale } => {
            let write = |path: PathBuf, html: String| {
                fs::write(&path, html)
                    .with_context(|| format!("{} cannot be written", path.display()))
            };
            fs::create_dir_all(&out)
                .with_context(|| format!("{} cannot be made", out.display()))?;
            let pages = files.pages(locale.as_deref())?;
            println!("{} pages: {}", pages.len(), out.join("index.html").display());
            for page in pages {
                write(out.join(page.name), page.html)?;
            }
        }
    }
    Ok(0)
}
