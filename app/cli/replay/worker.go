package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/cli/retry"
)

// machineJob is the recordings of one machine, which are posted in sequence.
type machineJob struct {
	machine string
	files   []*fileJob
}

// fileJob is one recording of a machineJob.
type fileJob struct {
	path string
	size int64
	// skip is the number of rows that an earlier replay had acknowledged.
	skip int64
	// shift is added to the timestamps, in milliseconds.
	shift  int64
	result *FileSummary
}

// worker replays one machine at a time.
type worker struct {
	options  Options
	counters *counters
	state    *stateFile
	sender   *sender
}

// run posts the files of j in order. It stops at the first that fails, because
// resuming that one later could overwrite newer readings of the files after it.
func (w *worker) run(ctx context.Context, j *machineJob) error {
	defer w.counters.setWaiting(j, time.Time{})
	for i, f := range j.files {
		err := w.replayFile(ctx, j, f)
		if err == nil {
			f.result.Complete = true
			continue
		}
		if ctx.Err() == nil || errors.Is(err, errUnreachable) {
			f.result.Error = err.Error()
			for _, later := range j.files[i+1:] {
				later.result.Error = fmt.Sprintf("not started, because %s of the same machine failed", f.path)
			}
		}
		return err
	}
	return nil
}

// replayFile posts one recording from its first unacknowledged row.
func (w *worker) replayFile(ctx context.Context, j *machineJob, f *fileJob) error {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	rec, err := NewRecording(file, f.path, w.options.Columns)
	if err != nil {
		return err
	}
	if err := w.skipRows(ctx, rec, f); err != nil {
		return err
	}
	return w.postRows(ctx, j, f, rec)
}

// skipRows reads the rows that were acknowledged before.
func (w *worker) skipRows(ctx context.Context, rec *Recording, f *fileJob) error {
	for range f.skip {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		_, err := rec.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: the file has fewer than the %d rows to skip", f.path, f.skip)
		}
		if err != nil {
			return err
		}
	}
	if f.skip > 0 {
		w.counters.skipped.Add(rec.Bytes())
		w.counters.bytes.Add(rec.Bytes())
		f.result.bytes = rec.Bytes()
	}
	return nil
}

// postRows posts the remaining rows in batches, on schedule.
func (w *worker) postRows(ctx context.Context, j *machineJob, f *fileJob, rec *Recording) error {
	schedule := schedule{speed: w.options.Speed, useDueTime: w.options.ShiftToNow, shift: f.shift}
	b := newBatch(j.machine, rec.Metrics())
	for ctx.Err() == nil {
		row, err := rec.Next()
		if err != nil {
			// The rows before a bad line are good: post them.
			if flushErr := w.flush(ctx, f, b); flushErr != nil || errors.Is(err, io.EOF) {
				return flushErr
			}
			return err
		}
		due := schedule.due(row.ObservedAt)
		early := w.options.Speed > 0 && time.Until(due) > 0
		target := row.target(j.machine)
		if early || b.points+row.points() > w.options.Batch || target != b.target {
			if err := w.flush(ctx, f, b); err != nil {
				return err
			}
		}
		if early {
			if err := w.waitUntilDue(ctx, j, due); err != nil {
				return err
			}
		}
		b.target = target
		b.add(row, schedule.timestamp(row.ObservedAt, due), rec.Bytes())
	}
	return context.Cause(ctx)
}

func (w *worker) waitUntilDue(ctx context.Context, j *machineJob, due time.Time) error {
	w.counters.setWaiting(j, due)
	defer w.counters.setWaiting(j, time.Time{})
	return retry.Sleep(ctx, time.Until(due))
}

// flush posts b, records the result and empties b.
func (w *worker) flush(ctx context.Context, f *fileJob, b *batch) error {
	if b.rows == 0 {
		return nil
	}
	var got response
	if b.points > 0 {
		b.close()
		var err error
		if got, err = w.sender.post(ctx, b); err != nil {
			return err
		}
	}
	w.count(f, b, got)
	b.reset()
	return w.state.save(f)
}

// count adds an acknowledged batch to the counters and to the file's result.
func (w *worker) count(f *fileJob, b *batch, got response) {
	w.counters.accepted.Add(int64(got.Accepted))
	w.counters.rejected.Add(int64(got.Rejected))
	w.counters.missing.Add(int64(b.missing))
	w.counters.rows.Add(b.rows)
	w.counters.bytes.Add(b.bytes - f.result.bytes)
	f.result.Rows += b.rows
	f.result.Accepted += int64(got.Accepted)
	f.result.Rejected += int64(got.Rejected)
	f.result.bytes = b.bytes
	for _, e := range got.Errors[:min(len(got.Errors), maxRejections)] {
		w.counters.addRejection(func() string { return describeRejection(f, b, e) })
	}
}

// describeRejection names the file, line and metric of a rejected point. The
// server names it by a JSON pointer into the batch (RFC 6901).
func describeRejection(f *fileJob, b *batch, e pointError) string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(e.Pointer, "/"), "/")
	where := f.path
	if index, err := strconv.Atoi(first); err == nil && b.line(index) > 0 {
		where += ":" + strconv.Itoa(b.line(index))
		if metric, ok := strings.CutPrefix(rest, "values/"); ok {
			rest = metric
		}
	} else {
		rest = e.Pointer
	}
	return where + ": " + printable(rest) + ": " + printable(e.Detail)
}
