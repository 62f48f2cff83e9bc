package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"smart-factory-backend/app/config"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/store/sqlite"
)

// openStore opens the engine selected by DATABASE_URL.
func (a *App) openStore(ctx context.Context) (factory.Store, error) {
	c := a.config
	if _, ok := c.PostgresURL(); ok {
		store, err := a.openPostgres(ctx, min(firstConnect, c.StoreWait))
		switch {
		case err == nil:
			return store, nil
		case errors.Is(err, postgres.ErrUnreachable) && ctx.Err() == nil && c.StoreWait > firstConnect:
			a.log.Warn("waiting for the database", slog.String(keyError, err.Error()), slog.Duration(keyLimit, c.StoreWait), see("database-unreachable"))
			return &waitingStore{engine: "postgres"}, nil
		}
		return nil, &sectionError{err, "database-unreachable"}
	}
	if err := checkWritable(filepath.Dir(c.SQLitePath())); err != nil {
		return nil, &sectionError{err, "store-does-not-open"}
	}
	store, err := sqlite.Open(ctx, sqlite.Options{
		Path:                c.SQLitePath(),
		AutoRegister:        c.AutoRegister,
		MaxSeries:           c.MaxSeries,
		MaxSeriesPerMachine: c.MaxSeriesPerMachine,
		MaxSeriesPerSender:  c.MaxSeriesPerKey,
		QueueReadings:       c.IngestQueue,
		Retention:           c.Retention,
		EventRetention:      eventRetention(c),
		MaxBytes:            int64(c.StoreMaxBytes),
		OnFault:             a.onStoreFault,
		OnEvent:             a.onStoreEvent,
	})
	if err != nil {
		return nil, &sectionError{explainDenied(err, filepath.Dir(c.SQLitePath())), "store-does-not-open"}
	}
	return store, nil
}

// checkWritable returns an error that names the cure if the process may not create
// files in a directory. It does not matter whether the directory exists.
func checkWritable(dir string) error {
	err := os.MkdirAll(dir, 0o750)
	if err == nil {
		err = unix.Access(dir, unix.W_OK|unix.X_OK)
	}
	if !isDenied(err) {
		return nil // opening the store reports any other fault
	}
	return fmt.Errorf("open store: %w", explainDenied(err, dir))
}

// firstConnect is how long the start waits for PostgreSQL before the server serves
// without it.
const firstConnect = 2 * time.Second

// openPostgres opens PostgreSQL, and waits for at most the given time until it can be
// reached.
func (a *App) openPostgres(ctx context.Context, wait time.Duration) (factory.Store, error) {
	o := postgresOptions(a.config)
	o.OnFault, o.OnEvent, o.StartTimeout = a.onStoreFault, a.onStoreEvent, wait
	store, err := postgres.Open(ctx, o)
	if err != nil {
		return nil, err // a nil *postgres.Store would make a non-nil factory.Store
	}
	return store, nil
}

// checkIntegrity returns an error if stored data was found damaged. All other data is
// still served; the damaged part can only be restored from a backup.
func checkIntegrity(s factory.StoreStats) error {
	switch {
	case s.QuarantinedChunks > 0:
		return fmt.Errorf("%d damaged parts of the store are set aside", s.QuarantinedChunks)
	case s.Integrity == factory.IntegrityDamaged:
		return errors.New("the check after the last unclean stop found damage")
	}
	return nil
}

func postgresOptions(c config.Config) postgres.Options {
	url, _ := c.PostgresURL()
	return postgres.Options{
		URL:                 url,
		AutoRegister:        c.AutoRegister,
		MaxSeries:           c.MaxSeries,
		MaxSeriesPerMachine: c.MaxSeriesPerMachine,
		MaxSeriesPerSender:  c.MaxSeriesPerKey,
		QueueReadings:       c.IngestQueue,
		Retention:           c.Retention,
		EventRetention:      eventRetention(c),
		MaxBytes:            int64(c.StoreMaxBytes),
		MaxConns:            c.DatabaseMaxConns,
		ConnectTimeout:      c.DatabaseConnectTimeout,
		StatementTimeout:    c.DatabaseStatementTimeout,
	}
}

func eventRetention(c config.Config) store.EventRetention {
	return store.EventRetention{Audit: c.RetentionAudit, Alarm: c.RetentionAlarm, Text: c.RetentionText, Other: c.RetentionEvents}
}

// storeLocation returns the database that is used, without its password.
func (a *App) storeLocation() slog.Attr {
	if _, ok := a.config.PostgresURL(); ok {
		return slog.String(keyDatabase, a.config.DatabaseURL.String())
	}
	return slog.String(keyFile, a.config.SQLitePath())
}

// onStoreFault logs a fault of the store, or its end if err is nil.
func (a *App) onStoreFault(err error) {
	var panicErr *store.PanicError
	switch {
	case err == nil:
		a.log.Info("store works again")
	case errors.As(err, &panicErr):
		a.log.Error("panic contained", slog.String(keyPlace, "store"), slog.String(keyError, err.Error()), slog.String(keyStack, string(panicErr.Stack)), see("panic"))
	default:
		link := see("disk-full")
		if _, served := a.config.PostgresURL(); served {
			link = see("database-unreachable")
		} else if errors.Is(err, fs.ErrNotExist) {
			link = see("database-file-missing")
		}
		a.log.Error("store can't commit", slog.String(keyError, err.Error()), link)
	}
}

// onStoreEvent logs an event of the store.
func (a *App) onStoreEvent(e store.Event) {
	attrs := []any{slog.String(keyReason, string(e.Kind))}
	if e.Bytes > 0 {
		attrs = append(attrs, slog.Int64(keyBytes, e.Bytes))
	}
	if e.Points > 0 {
		attrs = append(attrs, slog.Uint64(keyCount, e.Points))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String(keyError, e.Err.Error()))
	}
	log := a.log.Warn
	switch e.Kind {
	case sqlite.EventUnclean, postgres.EventLeading, postgres.EventFollowing:
		log = a.log.Info
	case store.EventNearLimit, store.EventEvicted, store.EventNothingToEvict:
		attrs = append(attrs, see("store-size-limit"))
	case sqlite.EventDamaged, sqlite.EventChecked:
		if e.Err != nil {
			attrs = append(attrs, see("damaged-data"))
		} else { // checked, and nothing found
			log = a.log.Info
		}
	case sqlite.EventRestored:
		attrs = append(attrs, see("database-file-missing"))
	}
	log("store", attrs...)
}

// Backup writes a copy of the store configured by c to the new file to. A server may
// have the store open. See factory.Store.
func Backup(ctx context.Context, c config.Config, to string) error {
	if _, ok := c.PostgresURL(); ok {
		return errors.New("PostgreSQL has its own means: use pg_dump or pg_basebackup")
	}
	return sqlite.Backup(ctx, c.SQLitePath(), to)
}

// Migrate upgrades the store configured by c to the schema of this release and
// returns the schema versions before and after. No server may have an embedded store
// open.
func Migrate(ctx context.Context, c config.Config) (before, after int64, err error) {
	if _, ok := c.PostgresURL(); ok {
		return postgres.Migrate(ctx, postgresOptions(c))
	}
	return sqlite.Migrate(ctx, c.SQLitePath())
}
