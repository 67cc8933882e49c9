//! Every port in one hand; a job takes out of it only what it names in `needs!`.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use crate::{
    delivery::App,
    links::Links,
    ports::{
        Activities, Albums, Carriers, Clock, Contacts, Decoder, JobBook, JobQueue, Live,
        MediaStore, Notifications, Objects, Scanner, Schedules, Templates, Uploads, Users, Workers,
    },
    progress::Progress,
    recipe::Recipe,
    seals::Seals,
    steps::Recorder,
};

/// Every port and the few settings that jobs read.
#[derive(Clone)]
#[expect(missing_docs, reason = "the types say it")]
pub struct Ports {
    pub clock: Arc<dyn Clock>,
    pub uploads: Arc<dyn Uploads>,
    pub media: Arc<dyn MediaStore>,
    pub albums: Arc<dyn Albums>,
    pub activities: Arc<dyn Activities>,
    pub users: Arc<dyn Users>,
    pub contacts: Arc<dyn Contacts>,
    pub notifications: Arc<dyn Notifications>,
    pub carriers: Arc<Carriers>,
    pub templates: Arc<dyn Templates>,
    pub seals: Arc<Seals>,
    pub app: Arc<App>,
    pub live: Arc<dyn Live>,
    pub queue: Arc<dyn JobQueue>,
    pub book: Arc<dyn JobBook>,
    pub schedules: Arc<dyn Schedules>,
    pub workers: Arc<dyn Workers>,
    pub recorder: Arc<Recorder>,
    pub objects: Arc<dyn Objects>,
    pub scanner: Arc<dyn Scanner>,
    pub decoder: Arc<dyn Decoder>,
    pub links: Arc<Links>,
    pub recipe: Arc<Recipe>,
    pub privacy: Arc<Privacy>,
}

/// Every port, and where one attempt says how far it is.
#[derive(Clone)]
pub struct Tools {
    ports: Arc<Ports>,
    /// Outside of an attempt nobody listens.
    pub progress: Arc<Progress>,
}

impl Tools {
    /// These ports, outside of any attempt.
    pub fn new(ports: Ports) -> Self {
        Self { ports: Arc::new(ports), progress: Arc::default() }
    }

    /// The same ports for an attempt that reports there.
    pub fn reporting(&self, progress: Arc<Progress>) -> Self {
        Self { ports: Arc::clone(&self.ports), progress }
    }
}

impl Deref for Tools {
    type Target = Ports;

    fn deref(&self) -> &Ports {
        &self.ports
    }
}

impl DerefMut for Tools {
    /// Changes these tools alone, not others that share the ports.
    fn deref_mut(&mut self) -> &mut Ports {
        Arc::make_mut(&mut self.ports)
    }
}

/// What readers are not to learn.
#[derive(Debug, Clone)]
pub struct Privacy {
    /// The published file is the original without places, serial numbers, names and comments.
    pub strip_originals: bool,
}

/// Declares `Needs`: the ports of a job, by name and type.
#[macro_export]
macro_rules! needs {
    ($($name:ident: $port:ty),+ $(,)?) => {
        /// The ports of this job.
        #[derive(Clone)]
        #[expect(missing_docs, reason = "the types say it")]
        pub struct Needs {
            $(pub $name: std::sync::Arc<$port>,)+
        }

        impl From<&$crate::tools::Tools> for Needs {
            fn from(tools: &$crate::tools::Tools) -> Self {
                Self { $($name: tools.$name.clone(),)+ }
            }
        }
    };
}
