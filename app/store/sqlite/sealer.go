package sqlite

import (
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/store"

	"smart-factory-backend/app/factory"
)

const (
	// sealSeries and sealBatchPoints bound what one round of sealing takes.
	sealSeries      = 500
	sealBatchPoints = 1 << 16
	// checkpointPages is the length of the write-ahead log, in pages, from
	// which its content is moved to the database file.
	checkpointPages = 1024
)

// sealer moves points from memory to chunks, so that neither the memory nor
// the ingest log grows without bound, and checkpoints the write-ahead log.
type sealer struct {
	options     Options
	writer      *writer
	readers     *readPool
	sealQueue   *sealQueue
	catalog     *catalog
	faults      *store.Faults
	wake        chan struct{}
	maintenance maintenance

	logBytes atomic.Int64 // the log rows in the file, overhead included
	walPages atomic.Int64 // an estimate, since the last checkpoint
	size     atomic.Int64 // of the files

	// backups is held shared while the file is backed up.
	backups sync.RWMutex

	mu         sync.Mutex // held for a round
	conn       *conn      // reads the file; nil until needed
	batch      []*series  // taken from the backlog, being sealed
	mustReload bool       // a round failed: logBytes and the tails of batch may be wrong
}

// add puts a committed point into its series and notes what is to be sealed.
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

// seriesPerBatch is how many full series make a batch.
func (z *sealer) seriesPerBatch() int {
	return min(sealSeries, max(1, sealBatchPoints/z.options.SealPoints))
}

// addLogBytes notes that a row with so many bytes was added to the log.
func (z *sealer) addLogBytes(bytes int) {
	log := z.logBytes.Add(int64(bytes) + logRowOverhead)
	if wal := z.addWALBytes(bytes); log > z.options.LogBytes || wal > checkpointPages {
		z.signal()
	}
}

// addWALBytes notes a transaction that wrote so many bytes.
func (z *sealer) addWALBytes(bytes int) (walPages int64) {
	return z.walPages.Add(int64(bytes/pageSize + 3))
}

// checkCapacity says why no more readings can be taken now, if so.
func (z *sealer) checkCapacity() error {
	log := z.logBytes.Load()
	if log < z.options.LogBytes*logHardFactor {
		return nil
	}
	if err := z.faults.Get(faultSeal); err != nil {
		return err
	}
	return fmt.Errorf("%d bytes of the ingest log wait to be sealed: %w", log, factory.ErrOverloaded)
}

func (z *sealer) signal() {
	select {
	case z.wake <- struct{}{}:
	default:
	}
}

// run seals until stop is closed. After a failure it waits before it tries
// again.
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

// reportFault notes how a round went and returns err as it is.
func (z *sealer) reportFault(err error) error {
	if err != nil {
		z.faults.Set(faultSeal, store.Unavailable("seal", err))
		return err
	}
	z.faults.Set(faultSeal, nil)
	return nil
}

// runOnce seals all that is due, or everything, unless stop is closed before,
// and does the chores that come with it.
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
		select {
		case <-stop:
			return nil
		default:
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

// connectLocked opens the connection if need be and, after a failure, looks
// what is in the file: a transaction that failed may be there all the same.
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

// nextBatch takes the series to seal next from the backlog: those with enough
// points, then those that have waited long enough, then, while the log is too
// long, those whose points stand first in it.
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

// updateSize notes the size of the files.
func (z *sealer) updateSize() {
	var size int64
	for _, path := range []string{z.options.Path, z.options.Path + "-wal"} {
		if info, err := os.Stat(path); err == nil {
			size += info.Size()
		}
	}
	z.size.Store(size)
}

// checkpointLocked moves a long write-ahead log to the database file. The
// bulk is done beside the commits; the little that came meanwhile while none
// can run, so that the log starts over instead of growing under steady load.
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

// close releases the connection; run has ended.
func (z *sealer) close() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.closeConnLocked()
}
