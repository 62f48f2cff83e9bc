package control

// Status is what GET /status answers: the process as its operator sees it.
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
	// CPUQuota is the number of CPUs that the container may use, 0 if no
	// quota is known.
	CPUQuota float64 `json:"cpu_quota"`
	// WorkersWanted is how many workers there should be; Workers has one
	// entry per slot, those without a running worker included.
	WorkersWanted int `json:"workers_wanted"`
	// State is running, draining or what else the process calls it.
	State   string   `json:"state"`
	Workers []Worker `json:"workers"`
	// DrainingGenerations finish their connections; AbandonedGenerations are
	// stuck and were given up.
	DrainingGenerations  int    `json:"draining_generations"`
	AbandonedGenerations int    `json:"abandoned_generations"`
	WebSockets           int    `json:"websockets"`
	Store                Store  `json:"store"`
	Memory               Memory `json:"memory"`
	LogLevel             string `json:"log_level"`
}

// Worker is one slot and the generation that serves it.
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
	// AdoptedBy is the id of the worker that accepts on this slot's socket
	// meanwhile, 0 if none does.
	AdoptedBy int `json:"adopted_by,omitempty"`
}

// Store describes where readings are kept.
type Store struct {
	Engine string `json:"engine"`
	Series int    `json:"series"`
	// Points counts the readings acknowledged since start, Queued those that
	// wait for a commit.
	Points uint64 `json:"points"`
	Queued int    `json:"queued"`
	// Bytes is the size on disk.
	Bytes int64 `json:"bytes"`
	Ready bool  `json:"ready"`
}

// Memory is in bytes; a Limit of 0 is none.
type Memory struct {
	RSS   uint64 `json:"rss"`
	Heap  uint64 `json:"heap"`
	Limit uint64 `json:"limit"`
}

// ReloadResult says what a reload did.
type ReloadResult struct {
	// Recycled counts the workers that were replaced.
	Recycled int `json:"recycled"`
	// Changed names the settings that differ from before.
	Changed []string `json:"changed"`
}

// ScaleResult says what a scaling did.
type ScaleResult struct {
	// From and To are the numbers of workers before and after; To is less
	// than what was asked for when it was capped.
	From int `json:"from"`
	To   int `json:"to"`
	// Note explains a To that differs from what was asked for.
	Note string `json:"note,omitempty"`
}
