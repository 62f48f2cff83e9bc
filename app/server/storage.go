package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"smart-factory-backend/app/config"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/store/sqlite"
)

// openStore opens the engine that DATABASE_URL names.
func (a *App) openStore(ctx context.Context) (factory.Store, error) {
	c := a.config
	if _, ok := c.PostgresURL(); ok {
		o := postgresOptions(c)
		o.OnFault, o.OnEvent = a.storeFault, a.storeEvent
		// Not the nil of a type, which is no nil any more.
		store, err := postgres.Open(ctx, o)
		if err != nil {
			return nil, &sectionError{err, "database-unreachable"}
		}
		return store, nil
	}
	store, err := sqlite.Open(ctx, sqlite.Options{
		Path:          c.SQLitePath(),
		AutoRegister:  c.AutoRegister,
		MaxSeries:     c.MaxSeries,
		QueueReadings: c.IngestQueue,
		Retention:     c.Retention,
		MaxBytes:      int64(c.StoreMaxBytes),
		OnFault:       a.storeFault,
		OnEvent:       a.storeEvent,
	})
	if err != nil {
		return nil, &sectionError{err, "store-does-not-open"}
	}
	return store, nil
}

// intact says what of the stored data was found damaged, if anything. All else
// is served; only a backup brings it back.
func intact(s factory.StoreStats) error {
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
		URL:              url,
		AutoRegister:     c.AutoRegister,
		MaxSeries:        c.MaxSeries,
		QueueReadings:    c.IngestQueue,
		Retention:        c.Retention,
		MaxBytes:         int64(c.StoreMaxBytes),
		MaxConns:         c.DatabaseMaxConns,
		ConnectTimeout:   c.DatabaseConnectTimeout,
		StatementTimeout: c.DatabaseStatementTimeout,
	}
}

// whereStored says which database is used, without the password to it.
func (a *App) whereStored() slog.Attr {
	if _, ok := a.config.PostgresURL(); ok {
		return slog.String(keyDatabase, a.config.DatabaseURL.String())
	}
	return slog.String(keyFile, a.config.SQLitePath())
}

// storeFault hears of the store's troubles and of their end.
func (a *App) storeFault(err error) {
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

// storeEvent hears what the store has to say to the operator.
func (a *App) storeEvent(e store.Event) {
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
	switch e.Kind {
	case sqlite.EventUnclean, postgres.EventLeading, postgres.EventFollowing:
		a.log.Info("store", attrs...)
		return
	case store.EventNearLimit, store.EventEvicted, store.EventNothingToEvict:
		attrs = append(attrs, see("store-size-limit"))
	case sqlite.EventDamaged, sqlite.EventChecked:
		if e.Err == nil { // checked, and nothing found
			a.log.Info("store", attrs...)
			return
		}
		attrs = append(attrs, see("damaged-data"))
	case sqlite.EventRestored:
		attrs = append(attrs, see("database-file-missing"))
	}
	a.log.Warn("store", attrs...)
}
