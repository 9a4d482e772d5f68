//! Opening: connect, bring the tables up to date, take the lock that keeps a second Groundswell out.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use secrecy::ExposeSecret;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, SqlSafeStr};

use super::dialect::Dialect;
use super::log::Log;
use super::sql::{clear, first, get, sql};
use super::{Inner, Location, Store};

/// The tables' versions: number, name, and the texts for both databases.
const MIGRATIONS: &[(i64, &str, &str, &str)] = &[(
    1,
    "init",
    include_str!("migrations/sqlite/0001_init.sql"),
    include_str!("migrations/postgres/0001_init.sql"),
)];

/// The advisory lock's number in PostgreSQL: "gswell" in ASCII. Such locks belong to one database.
const LOCK_NUMBER: i64 = 0x67_73_77_65_6c_6c;

/// How long a writer waits for its turn: another one may be saving a large discovery.
const WRITER_WAIT: Duration = Duration::from_secs(120);

/// Readers beside the one writer.
const READERS: u32 = 4;

/// A killed process's connection takes PostgreSQL a moment to notice.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What keeps a second Groundswell out for as long as it lives.
pub(super) enum Lock {
    /// The operating system lets go of it when the process ends, however it ends.
    File(#[expect(dead_code, reason = "held, never read")] File),
    /// So does PostgreSQL when the connection ends.
    Connection(#[expect(dead_code, reason = "held, never used")] Mutex<AnyConnection>),
}

impl Store {
    /// Opens the database, brings its tables up to date and takes the lock: a second Groundswell on the
    /// same database gets one clear sentence.
    pub async fn open(location: &Location) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        let place = Place::of(location)?;
        if let Location::Folder(folder) = location {
            make_folder(folder)?;
        }
        let lock = take_lock(location, &place).await?;
        let writer = place.writer(true).await?;
        migrate(&writer, &place).await?;
        place.store(writer, Some(lock))
    }

    /// Opens the database without the lock, for commands beside a running daemon. It must exist already, with
    /// tables of this version.
    pub async fn open_shared(location: &Location) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        let place = Place::of(location)?;
        if let Location::Folder(folder) = location
            && !database_file(folder).exists()
        {
            return Err(place.is_missing());
        }
        let writer = place.writer(false).await?;
        check_version(&writer, &place).await?;
        place.store(writer, None)
    }

    /// Like `open_shared`, and where there is no database in the folder yet, makes it.
    pub async fn open_or_make(location: &Location) -> anyhow::Result<Self> {
        match location {
            Location::Folder(folder) if !database_file(folder).exists() => {
                Self::open(location).await
            }
            _ => Self::open_shared(location).await,
        }
    }

    /// Closes all connections and lets go of the lock. Dropping does the same a little later.
    pub async fn close(self) {
        self.inner.readers.close().await;
        self.inner.log.close().await;
        self.inner.writer.close().await;
        let lock = self.inner.lock.lock();
        drop(lock.unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Where the database is, ready to connect, with a name that may be shown: no password in it.
struct Place {
    dialect: Dialect,
    options: AnyConnectOptions,
    shown: String,
}

impl Place {
    fn of(location: &Location) -> anyhow::Result<Self> {
        let (dialect, url, shown) = match location {
            Location::Folder(folder) => {
                let shown = folder.display().to_string();
                (Dialect::Sqlite, sqlite_url(folder)?, shown)
            }
            Location::Postgres(address) => {
                let url = postgres_url(address.expose_secret())?;
                let host = url.host_str().unwrap_or("the local socket").to_owned();
                let shown = format!("{}/{}", host, url.path().trim_start_matches('/'));
                (Dialect::Postgres, url, shown)
            }
        };
        let options = AnyConnectOptions::from_url(&url)
            .map_err(|_| anyhow!("the database address for {shown} cannot be read"))?
            .disable_statement_logging();
        Ok(Self {
            dialect,
            options,
            shown,
        })
    }

    /// The one connection that writes. It is tried at once: a pool would try again and again, and never say why.
    async fn writer(&self, may_create: bool) -> anyhow::Result<AnyPool> {
        let mut options = self.options.clone();
        if may_create && self.dialect == Dialect::Sqlite {
            options.database_url.set_query(Some("mode=rwc"));
        }
        let settings = self.dialect.writer_settings();
        try_once(&options, settings)
            .await
            .map_err(clear)
            .with_context(|| format!("the database in {} cannot be opened", self.shown))?;
        let pool = self.pool(settings).max_connections(1);
        Ok(pool.acquire_timeout(WRITER_WAIT).connect_lazy_with(options))
    }

    fn pool(&self, settings: &'static [&'static str]) -> AnyPoolOptions {
        // A file's connection does not age; a server's may break and is tried before it is used.
        let is_remote = self.dialect == Dialect::Postgres;
        AnyPoolOptions::new()
            .test_before_acquire(is_remote)
            .max_lifetime(is_remote.then_some(Duration::from_secs(1800)))
            .idle_timeout(is_remote.then_some(Duration::from_secs(600)))
            .after_connect(move |connection, _| Box::pin(set_up(connection, settings)))
    }

    fn store(self, writer: AnyPool, lock: Option<Lock>) -> anyhow::Result<Store> {
        let readers = self
            .pool(self.dialect.reader_settings())
            .max_connections(READERS)
            .acquire_timeout(Duration::from_secs(60))
            .connect_lazy_with(self.options.clone());
        let log = self.pool(self.dialect.log_settings()).max_connections(1);
        let inner = Inner {
            dialect: self.dialect,
            place: self.shown,
            writer,
            readers,
            log: Log::new(self.dialect, log.connect_lazy_with(self.options)),
            lock: Mutex::new(lock),
        };
        Ok(Store {
            inner: Arc::new(inner),
        })
    }

    fn is_in_use(&self) -> anyhow::Error {
        anyhow!(
            "the database in {} is in use by another groundswell; stop it, or use a command that only reads",
            self.shown
        )
    }

    fn is_missing(&self) -> anyhow::Error {
        anyhow!(
            "there is no database in {} yet; check the path, or pull something first",
            self.shown
        )
    }

    fn is_newer(&self, version: i64) -> anyhow::Error {
        anyhow!(
            "the database in {} was written by a newer groundswell (its tables have version {version}, \
             this program knows {}); use that program, or a backup from before",
            self.shown,
            newest_version()
        )
    }
}

async fn try_once(options: &AnyConnectOptions, settings: &'static [&str]) -> sqlx::Result<()> {
    let mut connection = AnyConnection::connect_with(options).await?;
    set_up(&mut connection, settings).await?;
    connection.close().await
}

async fn set_up(connection: &mut AnyConnection, settings: &'static [&str]) -> sqlx::Result<()> {
    for setting in settings {
        sqlx::query(*setting).execute(&mut *connection).await?;
    }
    Ok(())
}

fn database_file(folder: &Path) -> std::path::PathBuf {
    folder.join("groundswell.db")
}

fn sqlite_url(folder: &Path) -> anyhow::Result<url::Url> {
    let file = std::path::absolute(database_file(folder))
        .with_context(|| format!("the data folder {} has no path", folder.display()))?;
    let shown = file.display();
    let url = url::Url::from_file_path(&file).map_err(|()| anyhow!("{shown} is not a path"))?;
    // The driver reads the name as UTF-8.
    if file.to_str().is_none() {
        bail!("the data folder {shown} has a name that is not UTF-8; choose another");
    }
    let path = url.path();
    format!("sqlite://{path}")
        .parse()
        .with_context(|| format!("{shown} is not a path"))
}

fn postgres_url(address: &str) -> anyhow::Result<url::Url> {
    let url: url::Url = address.parse().map_err(|_| {
        anyhow!("the database address is not an address; write postgres://user@host/name")
    })?;
    if !["postgres", "postgresql"].contains(&url.scheme()) {
        bail!("the database address must start with postgres://");
    }
    Ok(url)
}

fn make_folder(folder: &Path) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| {
        format!(
            "the data folder {} cannot be made; check the path and its owner",
            folder.display()
        )
    })
}

async fn take_lock(location: &Location, place: &Place) -> anyhow::Result<Lock> {
    match location {
        Location::Folder(folder) => lock_folder(folder, place),
        Location::Postgres(_) => lock_database(place).await,
    }
}

fn lock_folder(folder: &Path, place: &Place) -> anyhow::Result<Lock> {
    let path = folder.join("groundswell.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| {
            format!(
                "{} cannot be written; check the rights of the data folder",
                path.display()
            )
        })?;
    match file.try_lock() {
        Ok(()) => Ok(Lock::File(file)),
        Err(TryLockError::WouldBlock) => Err(place.is_in_use()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

async fn lock_database(place: &Place) -> anyhow::Result<Lock> {
    let mut connection = AnyConnection::connect_with(&place.options)
        .await
        .map_err(clear)
        .with_context(|| format!("the database in {} cannot be opened", place.shown))?;
    for _ in 0..LOCK_TRIES {
        let ask = sql("SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1 ELSE 0 END");
        let taken = first(&mut connection, ask.bind(LOCK_NUMBER), |row| {
            get::<i32>(row, 0)
        });
        if taken.await? == Some(1) {
            return Ok(Lock::Connection(Mutex::new(connection)));
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    Err(place.is_in_use())
}

fn newest_version() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.0)
}

async fn migrate(writer: &AnyPool, place: &Place) -> anyhow::Result<()> {
    let migrations = MIGRATIONS.iter().map(|(number, name, sqlite, postgres)| {
        let text = match place.dialect {
            Dialect::Sqlite => *sqlite,
            Dialect::Postgres => *postgres,
        };
        let kind = MigrationType::Simple;
        Migration::new(*number, (*name).into(), kind, text.into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    let mut connection = writer.acquire().await.map_err(clear)?;
    let done = migrator.run_direct(None, &mut *connection, false).await;
    match done {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(version)) => Err(place.is_newer(version)),
        Err(MigrateError::VersionMismatch(version)) => bail!(
            "the tables of the database in {} are not those of version {version} of this program; \
             restore a backup, or start with an empty database",
            place.shown
        ),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(clear(error)).with_context(|| {
                format!(
                    "the tables of the database in {} cannot be made",
                    place.shown
                )
            })
        }
        Err(error) => Err(anyhow::Error::new(error)).with_context(|| {
            format!(
                "the tables of the database in {} cannot be made",
                place.shown
            )
        }),
    }
}

async fn check_version(writer: &AnyPool, place: &Place) -> anyhow::Result<()> {
    let mut connection = writer.acquire().await.map_err(clear)?;
    let ask = sql("SELECT max(version) FROM _sqlx_migrations");
    let found = first(&mut connection, ask, |row| get::<Option<i64>>(row, 0)).await;
    match found {
        Ok(Some(Some(version))) if version > newest_version() => Err(place.is_newer(version)),
        Ok(Some(Some(version))) if version == newest_version() => Ok(()),
        Ok(Some(Some(_))) => bail!(
            "the database in {} was written by an older groundswell; restart the daemon with this \
             version first, it brings the tables up to date",
            place.shown
        ),
        // No table of versions: nothing was ever stored here.
        _ => Err(place.is_missing()),
    }
}
