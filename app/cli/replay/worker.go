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
)

// stream is all that is posted for one machine: its files, one after another.
type machineJob struct {
	machine string
	files   []*fileJob
}

// part is one recording of a stream.
type fileJob struct {
	path string
	size int64
	// skip rows were acknowledged by an earlier replay.
	skip int64
	// shift moves its times by so many milliseconds.
	shift  int64
	result *FileSummary
}

// runner is what a stream needs to be replayed.
type worker struct {
	options  Options
	counters *counters
	state    *stateFile
	sender   *sender
}

// run replays the parts in order. After one that fails the later ones are left
// alone: they could be overwritten by the rest of it.
func (r *worker) run(ctx context.Context, s *machineJob) error {
	defer r.counters.setWaiting(s, time.Time{})
	for i, p := range s.files {
		err := r.replayFile(ctx, s, p)
		if err == nil {
			p.result.Complete = true
			continue
		}
		if ctx.Err() == nil || errors.Is(err, errUnreachable) {
			p.result.Error = err.Error()
			for _, later := range s.files[i+1:] {
				later.result.Error = fmt.Sprintf("not begun, since %s of the same machine did not end well", p.path)
			}
		}
		return err
	}
	return nil
}

// replay posts one recording from the first row that is not acknowledged.
func (r *worker) replayFile(ctx context.Context, s *machineJob, p *fileJob) error {
	file, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer file.Close()
	rec, err := NewRecording(file, p.path, r.options.Columns)
	if err != nil {
		return err
	}
	if err := r.skipRows(ctx, rec, p); err != nil {
		return err
	}
	return r.postRows(ctx, s, p, rec)
}

// skip reads over the rows that were acknowledged before.
func (r *worker) skipRows(ctx context.Context, rec *Recording, p *fileJob) error {
	for range p.skip {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		_, err := rec.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: it has fewer than the %d rows to skip", p.path, p.skip)
		}
		if err != nil {
			return err
		}
	}
	if p.skip > 0 {
		r.counters.skipped.Add(rec.Bytes())
		r.counters.bytes.Add(rec.Bytes())
		p.result.bytes = rec.Bytes()
	}
	return nil
}

// pump moves rows into requests at the pace.
func (r *worker) postRows(ctx context.Context, s *machineJob, p *fileJob, rec *Recording) error {
	pace := schedule{speed: r.options.Speed, useDueTime: r.options.ShiftToNow, shift: p.shift}
	b := newBatch(s.machine, rec.Metrics())
	for ctx.Err() == nil {
		row, err := rec.Next()
		if err != nil {
			return r.finish(ctx, p, b, err)
		}
		due := pace.due(row.ObservedAt)
		early := r.options.Speed > 0 && time.Until(due) > 0
		if early || b.points+len(row.Values) > r.options.Batch {
			if err := r.flush(ctx, p, b); err != nil {
				return err
			}
		}
		if early {
			if err := r.waitUntilDue(ctx, s, due); err != nil {
				return err
			}
		}
		b.add(row, pace.timestamp(row.ObservedAt, due), rec.Bytes())
	}
	return context.Cause(ctx)
}

// finish posts what is left where reading ended with err: what stands before a
// bad line is good.
func (r *worker) finish(ctx context.Context, p *fileJob, b *batch, err error) error {
	if failed := r.flush(ctx, p, b); failed != nil {
		return failed
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// await waits for the next reading to be due.
func (r *worker) waitUntilDue(ctx context.Context, s *machineJob, due time.Time) error {
	r.counters.setWaiting(s, due)
	defer r.counters.setWaiting(s, time.Time{})
	return sleep(ctx, time.Until(due))
}

// flush posts b, notes what became of it and empties it.
func (r *worker) flush(ctx context.Context, p *fileJob, b *batch) error {
	if b.rows == 0 {
		return nil
	}
	var got response
	if b.points > 0 {
		b.close()
		var err error
		if got, err = r.sender.post(ctx, b); err != nil {
			return err
		}
	}
	r.count(p, b, got)
	b.reset()
	return r.state.save(p)
}

// note counts an acknowledged batch.
func (r *worker) count(p *fileJob, b *batch, got response) {
	r.counters.accepted.Add(int64(got.Accepted))
	r.counters.rejected.Add(int64(got.Rejected))
	r.counters.missing.Add(int64(b.missing))
	r.counters.rows.Add(b.rows)
	r.counters.bytes.Add(b.bytes - p.result.bytes)
	p.result.Rows += b.rows
	p.result.Accepted += int64(got.Accepted)
	p.result.Rejected += int64(got.Rejected)
	p.result.bytes = b.bytes
	for _, e := range got.Errors[:min(len(got.Errors), maxRejections)] {
		r.counters.addRejection(func() string { return describeRejection(p, b, e) })
	}
}

// rejection tells a rejected point by its place in the file.
func describeRejection(p *fileJob, b *batch, e pointError) string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(e.Pointer, "/"), "/")
	where := p.path
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

// clip makes foreign text fit for a line on a terminal.
func printable(text string) string {
	const most = 200
	runes := []rune(strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}
