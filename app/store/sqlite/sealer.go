package sqlite

import (
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Limits of one batch and of the write-ahead log.
const (
	// sealSeries and sealBatchPoints limit one batch of sealing.
	sealSeries      = 500
	sealBatchPoints = 1 << 16
	// checkpointPages is the length of the write-ahead log, in pages, at which
	// it is checkpointed.
	checkpointPages = 1024
)

// sealer moves points from memory into chunks, which bounds the memory and the
// ingest log. The same goroutine checkpoints the write-ahead log and does the
// maintenance, so chunks have a single writer.
type sealer struct {
	options     Options
	writer      *writer
	readers     *readPool
	sealQueue   *sealQueue
	catalog     *catalog
	faults      *store.Faults
	wake        chan struct{}
	maintenance maintenance

	logBytes atomic.Int64 // size of the ingest log, including the overhead of rows
	walPages atomic.Int64 // estimate of the pages written since the last checkpoint
	size     atomic.Int64 // of the database file and its write-ahead log

	// backups is read-locked while a backup runs.
	backups sync.RWMutex

	mu         sync.Mutex // held by runOnce
	conn       *conn      // for reading; nil until needed
	batch      []*series  // removed from sealQueue, not completely sealed yet
	mustReload bool       // after a failure, logBytes and the lastChunk of batch may be wrong
}

// add adds a committed point of log row seq to its series and queues the
// series for sealing.
func (z *sealer) add(s *series, p factory.Point, seq, now int64) {
	switch s.add(p) {
	case 1:
		z.sealQueue.push(s, seq, now)
		if z.options.SealPoints > 1 {
			return
		}
		fallthrough
	case z.options.SealPoints:
		if z.sealQueue.markFull(s) >= z.seriesPerBatch() {
			z.signal()
		}
	}
}

// seriesPerBatch is the number of full series in a batch.
func (z *sealer) seriesPerBatch() int {
	return min(sealSeries, max(1, sealBatchPoints/z.options.SealPoints))
}

// addLogBytes accounts for a new log row with so many bytes.
func (z *sealer) addLogBytes(bytes int) {
	log := z.logBytes.Add(int64(bytes) + logRowOverhead)
	if wal := z.addWALBytes(bytes); log > z.options.LogBytes || wal > checkpointPages {
		z.signal()
	}
}

// addWALBytes accounts for a transaction that wrote so many bytes.
func (z *sealer) addWALBytes(bytes int) (walPages int64) {
	return z.walPages.Add(int64(bytes/pageSize + 3))
}

// checkCapacity returns an error if the ingest log is too large for more
// readings.
func (z *sealer) checkCapacity() error {
	log := z.logBytes.Load()
	if log < z.options.LogBytes*logHardFactor {
		return nil
	}
	if err := z.faults.Get(faultSeal); err != nil {
		return err
	}
	return fmt.Errorf("%d bytes of the ingest log are waiting to be sealed: %w", log, factory.ErrOverloaded)
}

func (z *sealer) signal() {
	select {
	case z.wake <- struct{}{}:
	default:
	}
}

// run seals until stop is closed. It retries after a failure at the next tick.
func (z *sealer) run(stop <-chan struct{}) {
	ticker := time.NewTicker(z.options.sealEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-z.wake:
		case <-ticker.C:
		}
		for z.reportFault(z.runOnce(stop, false)) != nil {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
		}
	}
}

// reportFault records the outcome of a run and returns err unchanged.
func (z *sealer) reportFault(err error) error {
	if err != nil {
		z.faults.Set(faultSeal, store.Unavailable("seal", err))
		return err
	}
	z.faults.Set(faultSeal, nil)
	return nil
}

// runOnce seals what is due, or all points if everything is set, and then does
// the maintenance. It returns early if stop is closed.
func (z *sealer) runOnce(stop <-chan struct{}, everything bool) (err error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	defer func() {
		if err != nil {
			z.mustReload = true
			z.closeConnLocked()
		}
	}()
	defer store.RecoverAs(&err)
	if err := z.restoreDeletedLocked(); err != nil {
		return err
	}
	if err := z.connectLocked(); err != nil {
		return err
	}
	for {
		if isClosed(stop) {
			return nil
		}
		if len(z.batch) == 0 {
			z.batch = z.nextBatch(everything)
		}
		if len(z.batch) == 0 {
			break
		}
		if err := z.sealBatchLocked(); err != nil {
			return err
		}
		if err := z.checkpointLocked(); err != nil {
			return err
		}
	}
	if err := z.trimLogLocked(); err != nil {
		return err
	}
	if err := z.maintainLocked(stop, everything); err != nil {
		return err
	}
	z.updateSize()
	return z.checkpointLocked()
}

// connectLocked opens the connection if necessary. After a failure it reloads
// what it knows about the file, because the failed transaction may have been
// committed.
func (z *sealer) connectLocked() (err error) {
	if z.conn == nil {
		if z.conn, err = openReader(z.writer.file); err != nil {
			return err
		}
	}
	if !z.mustReload {
		return nil
	}
	bytes, err := z.conn.queryInt("SELECT coalesce(sum(length(data) + ?), 0) FROM ingest_log", int64(logRowOverhead))
	if err != nil {
		return err
	}
	for _, s := range z.batch {
		if s.lastChunk, err = z.loadLastChunk(s); err != nil {
			return err
		}
	}
	z.logBytes.Store(bytes)
	z.mustReload = false
	return nil
}

// nextBatch removes the series to seal next from the queue: first those with a
// full chunk, then those that have waited for SealAfter, then, if the log is
// too long, those with the oldest log rows.
func (z *sealer) nextBatch(everything bool) []*series {
	if full := z.sealQueue.popFull(z.seriesPerBatch()); len(full) > 0 {
		return full
	}
	until := z.options.now().Add(-z.options.SealAfter).UnixMilli()
	if everything || z.logBytes.Load() > z.options.LogBytes {
		until = math.MaxInt64
	}
	return z.sealQueue.popOldest(sealSeries, until)
}

// updateSize measures the files.
func (z *sealer) updateSize() {
	var size int64
	for _, path := range []string{z.options.Path, z.options.Path + "-wal"} {
		if info, err := os.Stat(path); err == nil {
			size += info.Size()
		}
	}
	z.size.Store(size)
}

// checkpointLocked copies a long write-ahead log to the database file. The
// first checkpoint runs concurrently with commits and does most of the work.
// The second blocks commits for the short rest, so that the log can restart
// from its beginning instead of growing under steady load.
func (z *sealer) checkpointLocked() error {
	if z.walPages.Load() < checkpointPages {
		return nil
	}
	z.walPages.Store(0)
	const passive = "PRAGMA wal_checkpoint(PASSIVE)"
	if _, err := z.conn.queryInt(passive); err != nil {
		return err
	}
	z.writer.mu.Lock()
	defer z.writer.mu.Unlock()
	_, err := z.conn.queryInt(passive)
	return err
}

func (z *sealer) closeConnLocked() {
	if z.conn != nil {
		_ = z.conn.close()
		z.conn = nil
	}
}

// close closes the connection after run has ended.
func (z *sealer) close() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.closeConnLocked()
}
