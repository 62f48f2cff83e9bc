package control

// Status is the response to GET /status.
type Status struct {
	PID     int    `json:"pid"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
	// StartedAt is in Unix milliseconds.
	StartedAt int64   `json:"started_at"`
	UptimeS   float64 `json:"uptime_s"`
	// Environment is development or production.
	Environment string `json:"environment"`
	// Address is where the process listens, as host:port.
	Address    string `json:"address"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	// CPUQuota is the number of CPUs that the container may use, or 0 if there
	// is no known quota.
	CPUQuota float64 `json:"cpu_quota"`
	// WorkersWanted is the configured number of workers. Workers has one entry
	// per slot, even if no worker is running in it.
	WorkersWanted int `json:"workers_wanted"`
	// State is the state of the process, such as running or draining.
	State   string   `json:"state"`
	Workers []Worker `json:"workers"`
	// DrainingGenerations counts the generations that are finishing their
	// connections, AbandonedGenerations those that are stuck and no longer
	// awaited.
	DrainingGenerations  int `json:"draining_generations"`
	AbandonedGenerations int `json:"abandoned_generations"`
	// WebSockets counts the open ones, EventStreams the responses with
	// Server-Sent Events.
	WebSockets   int    `json:"websockets"`
	EventStreams int    `json:"event_streams"`
	Store        Store  `json:"store"`
	Memory       Memory `json:"memory"`
	LogLevel     string `json:"log_level"`
}

// Worker describes one slot and its current generation.
type Worker struct {
	ID            int     `json:"id"`
	Generation    int     `json:"generation"`
	State         string  `json:"state"`
	UptimeS       float64 `json:"uptime_s"`
	Restarts      uint64  `json:"restarts"`
	Panics        uint64  `json:"panics"`
	Connections   int     `json:"connections"`
	InFlight      int     `json:"in_flight"`
	RequestsTotal uint64  `json:"requests_total"`
	// AdoptedBy is the id of the worker that accepts connections on this slot's
	// socket in the meantime, or 0.
	AdoptedBy int `json:"adopted_by,omitempty"`
}

// Store describes the store of readings.
type Store struct {
	Engine string `json:"engine"`
	Series int    `json:"series"`
	// Points counts the readings acknowledged since the start, Queued those that
	// wait for a commit.
	Points uint64 `json:"points"`
	Queued int    `json:"queued"`
	// Bytes is the size on disk.
	Bytes int64 `json:"bytes"`
	Ready bool  `json:"ready"`
}

// Memory describes memory use in bytes. A Limit of 0 means no limit.
type Memory struct {
	RSS   uint64 `json:"rss"`
	Heap  uint64 `json:"heap"`
	Limit uint64 `json:"limit"`
}

// ReloadResult is the result of a reload.
type ReloadResult struct {
	// Recycled is the number of recycled workers.
	Recycled int `json:"recycled"`
	// Changed names the variables whose value has changed.
	Changed []string `json:"changed"`
}

// ScaleResult is the result of a change of the number of workers.
type ScaleResult struct {
	// From and To are the numbers of workers before and after. To may be less
	// than the requested number.
	From int `json:"from"`
	To   int `json:"to"`
	// Note says why To differs from the requested number.
	Note string `json:"note,omitempty"`
}
