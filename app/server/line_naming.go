package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/config"
	"smart-factory-backend/app/factory"
)

// lineNaming decides how line protocol names metrics. Releases before INFLUX_TAGS
// left tags out. The metrics that such a release has stored keep their names, because
// new ones would split each series in two. It is safe for concurrent use.
type lineNaming struct {
	config config.Config
	log    *slog.Logger
	store  factory.Store

	mu      sync.Mutex
	setting *lineSetting

	earlierMu sync.Mutex
	earlier   map[string]bool // nil until it is loaded
}

// earlierTimeout bounds the loading of the metrics of an earlier release. It does not
// end with the request that began it: a store with very many would never be loaded.
const earlierTimeout = time.Minute

// loadEarlier returns the ids of the documents of the metrics that an earlier release
// has stored. It reads them once; calls at the same time wait.
func (n *lineNaming) loadEarlier(ctx context.Context, markedAt int64) (map[string]bool, error) {
	n.earlierMu.Lock()
	defer n.earlierMu.Unlock()
	if n.earlier != nil {
		return n.earlier, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), earlierTimeout)
	defer cancel()
	ids, err := metricsUntil(ctx, n.store, markedAt)
	if err == nil {
		n.earlier = ids
	}
	return ids, err
}

// lineSetting is the document of kind "setting" with which a store is marked when a
// release that knows INFLUX_TAGS first opens it.
type lineSetting struct {
	// Tags is false if an earlier release has begun the store.
	Tags bool `json:"tags"`
	// markedAt is when the document was written, in Unix milliseconds.
	markedAt int64
}

const lineSettingID = "line-protocol"

// begin marks a store that was just opened, before anything is written to it. A store
// that cannot be marked now is marked with the first line.
func (n *lineNaming) begin(ctx context.Context, s factory.Store) {
	if _, err := n.readSetting(ctx, s); err != nil {
		n.log.Warn("names of line protocol not decided yet", slog.String(keyError, err.Error()))
	}
}

// naming returns how the metrics of lines are named, and which ones keep an earlier
// name.
func (n *lineNaming) naming(ctx context.Context) (naming api.LineNaming, earlier api.EarlierLineNaming, err error) {
	setting, err := n.readSetting(ctx, n.store)
	if err != nil {
		return naming, earlier, err
	}
	naming = api.LineNaming{Measurement: n.config.InfluxMetric != "field", Tags: n.config.InfluxTags != "drop"}
	if !n.keepsEarlier(setting) {
		return naming, earlier, nil
	}
	known, err := n.loadEarlier(ctx, setting.markedAt)
	if err != nil {
		return naming, earlier, fmt.Errorf("names of line protocol: %w", err)
	}
	// Earlier releases left the measurement out by default.
	earlier.Naming.Measurement = n.config.InfluxMetric == "measurement_field"
	earlier.Has = func(machine, metric string) bool { return known[factory.MetricDocumentID(machine, metric)] }
	return naming, earlier, nil
}

// keepsEarlier reports whether metrics of an earlier release keep their names.
func (n *lineNaming) keepsEarlier(s lineSetting) bool {
	return !s.Tags && n.config.InfluxTags == "auto"
}

// readSetting returns the mark of a store, and sets it if there is none. The first time
// it logs what follows.
func (n *lineNaming) readSetting(ctx context.Context, s factory.Store) (lineSetting, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.setting != nil {
		return *n.setting, nil
	}
	setting, err := markStore(ctx, s)
	if err != nil {
		return setting, fmt.Errorf("names of line protocol: %w", err)
	}
	n.setting = &setting
	if n.keepsEarlier(setting) {
		n.log.Warn("metrics of line protocol that an earlier release has stored keep their names, which leave tags out, "+
			"so that values which only tags tell apart overwrite each other; new metrics have all tags in their names; "+
			"set INFLUX_TAGS=keep for new names throughout, or INFLUX_TAGS=drop and INFLUX_METRIC=field, the earlier default, for earlier names throughout",
			slog.String(keyVariable, "INFLUX_TAGS"), see("metric-names-of-line-protocol"))
	}
	return setting, nil
}

// markStore returns the mark of a store and sets it if there is none.
func markStore(ctx context.Context, s factory.Store) (setting lineSetting, err error) {
	for {
		d, err := s.Document(ctx, factory.DocumentSetting, lineSettingID)
		if err == nil {
			setting.markedAt = d.CreatedAt
			return setting, json.Unmarshal(d.Data, &setting)
		}
		if !errors.Is(err, factory.ErrNotFound) {
			return setting, err
		}
		machines, err := s.Machines(ctx, factory.MachineQuery{Limit: 1})
		if err != nil {
			return setting, err
		}
		data, err := json.Marshal(lineSetting{Tags: len(machines.Machines) == 0})
		if err != nil {
			return setting, err
		}
		_, err = s.Write(ctx, factory.JournalBatch{Documents: []factory.DocumentChange{
			{Kind: factory.DocumentSetting, ID: lineSettingID, Match: factory.MatchNone, Data: data},
		}})
		if err != nil && !errors.Is(err, factory.ErrPrecondition) { // another replica was first
			return setting, err
		}
	}
}

// metricsUntil returns the ids of the documents of all metrics that were registered by
// a time in Unix milliseconds.
func metricsUntil(ctx context.Context, s factory.Store, markedAt int64) (map[string]bool, error) {
	ids := map[string]bool{}
	q := factory.DocumentQuery{Kind: factory.DocumentMetric, Limit: 1000}
	for {
		page, err := s.Documents(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, d := range page.Documents {
			if d.CreatedAt <= markedAt {
				ids[d.ID] = true
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return ids, nil
		}
	}
}
