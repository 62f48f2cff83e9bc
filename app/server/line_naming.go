package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/config"
	"smart-factory-backend/app/factory"
)

// lineNaming decides how line protocol names metrics. Releases before INFLUX_TAGS
// left tags out. A store that they began keeps these names, because new ones would
// split each series in two. It is safe for concurrent use.
type lineNaming struct {
	config config.Config
	log    *slog.Logger
	store  factory.Store

	mu    sync.Mutex
	known *api.LineNaming
}

// lineSetting is the content of the document of kind "setting" that a store is marked
// with when a release that knows INFLUX_TAGS first opens it.
type lineSetting struct {
	// Tags is false if an earlier release has begun the store.
	Tags bool `json:"tags"`
}

const lineSettingID = "line-protocol"

// begin marks a store that was just opened, before anything is written to it. A store
// that cannot be marked now is marked with the first line.
func (n *lineNaming) begin(ctx context.Context, s factory.Store) {
	if _, err := n.decide(ctx, s); err != nil {
		n.log.Warn("names of line protocol not decided yet", slog.String(keyError, err.Error()))
	}
}

// naming returns the names that the store goes on with.
func (n *lineNaming) naming(ctx context.Context) (api.LineNaming, error) {
	return n.decide(ctx, n.store)
}

func (n *lineNaming) decide(ctx context.Context, s factory.Store) (api.LineNaming, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known != nil {
		return *n.known, nil
	}
	setting, err := readLineSetting(ctx, s)
	if err != nil {
		return api.LineNaming{}, fmt.Errorf("names of line protocol: %w", err)
	}
	naming := namingOf(n.config, setting)
	if !naming.Tags && n.config.InfluxTags == "auto" {
		n.log.Warn("line protocol keeps the metric names of the release that began this store: without tags, "+
			"so values that only tags tell apart overwrite each other; "+
			"for names with tags set INFLUX_TAGS=keep, and for names with the measurement INFLUX_METRIC=measurement_field",
			slog.String(keyVariable, "INFLUX_TAGS"), see("metric-names-of-line-protocol"))
	}
	n.known = &naming
	return naming, nil
}

// namingOf returns the names by the configuration, and where it says nothing, by the
// store.
func namingOf(c config.Config, s lineSetting) api.LineNaming {
	naming := api.LineNaming{Measurement: c.InfluxMetric == "measurement_field", Tags: c.InfluxTags == "keep"}
	if c.InfluxMetric == "" {
		naming.Measurement = s.Tags
	}
	if c.InfluxTags == "auto" {
		naming.Tags = s.Tags
	}
	return naming
}

// readLineSetting returns the mark of a store and sets it if there is none.
func readLineSetting(ctx context.Context, s factory.Store) (setting lineSetting, err error) {
	for {
		d, err := s.Document(ctx, factory.DocumentSetting, lineSettingID)
		if err == nil {
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
