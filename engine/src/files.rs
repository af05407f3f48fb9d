//! `wasi:filesystem` as wasmtime-wasi implements it, and a word to C++ about each refusal that is
//! ours: a change in a read-only directory, or a path that leads out of its directory.
//!
//! wasmtime-wasi answers "not permitted" to both, and also when the system does (EPERM). They are
//! told apart from outside: below a read-only directory it refuses a change before it asks the
//! system; and `stat` of a path is "not permitted" only when the path leads out, because the system
//! has no EPERM for it.

use crate::ffi::{FileDenial, Str};
use crate::wasi::Hooks;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, Filesize, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp,
    OpenFlags, PathFlags,
};
use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

// berth_file_refusal_t
const READ_ONLY: i32 = 0;
const OUTSIDE: i32 = 1;

/// PATH_MAX of Linux: a longer path leads nowhere, and only this much of it is kept and shown.
const MAX_PATH: usize = 4096;

/// The guest's name of the directory that each open descriptor was reached through, by handle.
pub type Directories = BTreeMap<u32, Arc<str>>;

pub struct Files;

impl HasData for Files {
    type Data<'a> = FilesView<'a>;
}

pub struct FilesView<'a> {
    pub inner: WasiFilesystemCtxView<'a>,
    pub directories: &'a mut Directories,
    pub hooks: Hooks,
}

type Fd = Resource<Descriptor>;

/// One path of an operation, or an open file: then the path is empty.
struct Place {
    fd: u32,
    path: String,
    /// Whether a link at the end of the path is followed.
    flags: PathFlags,
}

fn at(fd: &Fd, path: &str, mut flags: PathFlags) -> Place {
    // With a slash behind it, it is followed in any case.
    if path.ends_with('/') || path.ends_with("/.") {
        flags |= PathFlags::SYMLINK_FOLLOW;
    }
    Place {
        fd: fd.rep(),
        path: path[..path.floor_char_boundary(MAX_PATH)].into(),
        flags,
    }
}

/// The entry itself, also where it is a link.
fn entry(fd: &Fd, path: &str) -> Place {
    at(fd, path, PathFlags::empty())
}

/// What an operation asked for: a change or not, and where.
type Asked = (bool, Vec<Place>);

fn change(places: impl Into<Vec<Place>>) -> Asked {
    (true, places.into())
}

fn look(place: Place) -> Asked {
    (false, vec![place])
}

fn refused<T>(result: &FsResult<T>) -> bool {
    let not_permitted = |e: &FsError| matches!(e.downcast_ref(), Some(ErrorCode::NotPermitted));
    result.as_ref().is_err_and(not_permitted)
}

impl FilesView<'_> {
    fn read_only(&self, fd: u32) -> bool {
        match self.inner.table.get(&Fd::new_borrow(fd)) {
            Ok(Descriptor::Dir(dir)) => dir.perms.write_not_permitted(),
            Ok(Descriptor::File(file)) => file.perms.write_not_permitted(),
            Err(_) => false,
        }
    }

    async fn leads_out(&mut self, place: &Place) -> bool {
        let (fd, path) = (Fd::new_borrow(place.fd), place.path.clone());
        refused(&self.inner.stat_at(fd, place.flags, path).await)
    }

    fn say(&self, why: i32, operation: &str, place: &Place) {
        let directory = self.directories.get(&place.fd);
        self.hooks.file_denied(&FileDenial {
            why,
            operation: Str::of(&operation.replace('_', "-")),
            directory: Str::of(directory.map_or("", |d| d)),
            path: Str::of(&place.path),
        });
    }

    /// An operation was refused. Says so, unless it was the system that refused.
    async fn tell(&mut self, operation: &str, (change, places): Asked) {
        let read_only = |place: &&Place| change && self.read_only(place.fd);
        if let Some(place) = places.iter().find(read_only) {
            return self.say(READ_ONLY, operation, place);
        }
        for place in &places {
            if self.leads_out(place).await {
                return self.say(OUTSIDE, operation, place);
            }
        }
    }
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        let all = preopens::Host::get_directories(&mut self.inner)?;
        for (fd, name) in &all {
            self.directories.insert(fd.rep(), name.as_str().into());
        }
        Ok(all)
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        types::Host::convert_error_code(&mut self.inner, error)
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        types::Host::filesystem_error_code(&mut self.inner, error)
    }
}

/// Passes operations on; what stands behind `asks` is told when it was refused.
macro_rules! pass {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $ok:ty;)*) => {$(
        async fn $name(&mut self, $($arg: $ty),*) -> FsResult<$ok> {
            self.inner.$name($($arg),*).await
        }
    )*};
    ($($name:ident($($arg:ident: $ty:ty),*) -> $ok:ty, asks $asked:expr;)*) => {$(
        async fn $name(&mut self, $($arg: $ty),*) -> FsResult<$ok> {
            let asked = $asked;
            let result = self.inner.$name($($arg),*).await;
            if refused(&result) {
                self.tell(stringify!($name), asked).await;
            }
            result
        }
    )*};
}

impl HostDescriptor for FilesView<'_> {
    pass! {
        advise(fd: Fd, offset: Filesize, len: Filesize, advice: Advice) -> ();
        sync_data(fd: Fd) -> ();
        sync(fd: Fd) -> ();
        get_flags(fd: Fd) -> DescriptorFlags;
        get_type(fd: Fd) -> DescriptorType;
        read(fd: Fd, len: Filesize, offset: Filesize) -> (Vec<u8>, bool);
        read_directory(fd: Fd) -> Resource<DirectoryEntryStream>;
        stat(fd: Fd) -> DescriptorStat;
        metadata_hash(fd: Fd) -> MetadataHashValue;
    }
    pass! {
        set_size(fd: Fd, size: Filesize) -> (), asks change([entry(&fd, "")]);
        set_times(fd: Fd, accessed: NewTimestamp, modified: NewTimestamp) -> (),
            asks change([entry(&fd, "")]);
        write(fd: Fd, bytes: Vec<u8>, offset: Filesize) -> Filesize, asks change([entry(&fd, "")]);
        create_directory_at(fd: Fd, path: String) -> (), asks change([entry(&fd, &path)]);
        remove_directory_at(fd: Fd, path: String) -> (), asks change([entry(&fd, &path)]);
        unlink_file_at(fd: Fd, path: String) -> (), asks change([entry(&fd, &path)]);
        set_times_at(fd: Fd, flags: PathFlags, path: String, accessed: NewTimestamp,
            modified: NewTimestamp) -> (), asks change([at(&fd, &path, flags)]);
        link_at(fd: Fd, flags: PathFlags, path: String, to: Fd, new_path: String) -> (),
            asks change([at(&fd, &path, flags), entry(&to, &new_path)]);
        rename_at(fd: Fd, path: String, to: Fd, new_path: String) -> (),
            asks change([entry(&fd, &path), entry(&to, &new_path)]);
        // A link to an absolute path is refused as well; a relative one may lead anywhere, and is
        // refused when it is followed.
        symlink_at(fd: Fd, target: String, path: String) -> (), asks change(
            if target.starts_with('/') { vec![at(&fd, &target, PathFlags::SYMLINK_FOLLOW)] }
            else { vec![entry(&fd, &path)] });
        stat_at(fd: Fd, flags: PathFlags, path: String) -> DescriptorStat,
            asks look(at(&fd, &path, flags));
        metadata_hash_at(fd: Fd, flags: PathFlags, path: String) -> MetadataHashValue,
            asks look(at(&fd, &path, flags));
        // Also refused for a link that holds an absolute path: following it leads out.
        readlink_at(fd: Fd, path: String) -> String, asks look(at(&fd, &path, PathFlags::SYMLINK_FOLLOW));
    }

    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let changes = open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE)
            || flags.contains(DescriptorFlags::WRITE);
        let asked = (changes, vec![at(&fd, &path, path_flags)]);
        let directory = self.directories.get(&fd.rep()).cloned();
        let inner = &mut self.inner;
        let result = inner.open_at(fd, path_flags, path, open_flags, flags).await;
        match (&result, directory) {
            (Ok(opened), Some(directory)) => {
                self.directories.insert(opened.rep(), directory);
            }
            _ if refused(&result) => self.tell("open_at", asked).await,
            _ => {}
        }
        result
    }

    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        self.inner.read_via_stream(fd, offset)
    }

    fn write_via_stream(
        &mut self,
        fd: Fd,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        let place = entry(&fd, "");
        let result = self.inner.write_via_stream(fd, offset);
        if refused(&result) {
            // Nothing else is refused before the first write.
            self.say(READ_ONLY, "write_via_stream", &place);
        }
        result
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        let place = entry(&fd, "");
        let result = self.inner.append_via_stream(fd);
        if refused(&result) {
            self.say(READ_ONLY, "append_via_stream", &place);
        }
        result
    }

    async fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        self.inner.is_same_object(a, b).await
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.directories.remove(&fd.rep());
        HostDescriptor::drop(&mut self.inner, fd)
    }
}

impl HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        self.inner.read_directory_entry(stream).await
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        HostDirectoryEntryStream::drop(&mut self.inner, stream)
    }
}
