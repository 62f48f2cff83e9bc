package postgres

import (
	"context"
	"sync"

	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// leadership is held by the connection that listens for notifications, while
// somebody in this process wants to lead. It is apart from the leader, which does
// the maintenance of the tables.
type leadership struct {
	mu      sync.Mutex
	calls   int           // of Lead
	leading bool          // the connection holds lockLead
	changed chan struct{} // closed and replaced when leading changes
}

// Lead implements factory.Store.
func (s *Store) Lead(ctx context.Context, run func(context.Context) error) error {
	l := &s.journal.leadership
	l.mu.Lock()
	l.calls++
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.calls--
		l.mu.Unlock()
	}()
	for {
		l.mu.Lock()
		leading, changed := l.leading, l.changed
		l.mu.Unlock()
		if leading {
			if lost, err := leadUntil(ctx, changed, run); !lost {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.journal.closed:
			return store.ErrClosed
		case <-changed:
		}
	}
}

// leadUntil calls run with a context that ends with ctx or when lost is closed.
func leadUntil(ctx context.Context, lost <-chan struct{}, run func(context.Context) error) (wasLost bool, err error) {
	runCtx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() {
		select {
		case <-lost:
			cancel()
		case <-runCtx.Done():
		}
	})
	err = run(runCtx)
	switch {
	case ctx.Err() != nil:
		return false, nil
	case runCtx.Err() != nil:
		return true, nil
	}
	return false, err
}

func (l *leadership) set(leading bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leading != leading {
		l.leading = leading
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// wanted reports whether the connection should try to get the lock, or release it.
func (l *leadership) wanted() (try, release bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls > 0 && !l.leading, l.calls == 0 && l.leading
}

// update gets or releases the lock as wanted.
func (l *leadership) update(ctx context.Context, o *Options, conn *pgx.Conn) error {
	try, release := l.wanted()
	if !try && !release {
		return nil
	}
	ctx, cancel := o.statementContext(ctx)
	defer cancel()
	if release {
		l.set(false) // first, so that nobody leads without the lock
		_, err := conn.Exec(ctx, "SELECT pg_advisory_unlock("+lockKeySQL(lockLead)+")")
		return err
	}
	var locked bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock("+lockKeySQL(lockLead)+")").Scan(&locked); err != nil {
		return err
	}
	l.set(locked)
	return nil
}
