package health

// detail is the JSON body shown on the admin port.
type detail struct {
	Status   string        `json:"status"`
	Ready    bool          `json:"ready"`
	Started  bool          `json:"started"`
	Draining bool          `json:"draining"`
	Workers  workersBody   `json:"workers"`
	UptimeS  float64       `json:"uptime_s"`
	Checks   []checkDetail `json:"checks"`
}

// checkDetail is one check with the text of its error.
type checkDetail struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Status string `json:"status"`
	Error  string `json:"error,omitempty"`
}

func (s *snapshot) detail() detail {
	d := detail{
		Status: s.status, Ready: s.isReady, Started: s.isStarted, Draining: s.draining,
		Workers: workersBody{s.running, s.total}, UptimeS: s.uptimeSeconds(),
		Checks: make([]checkDetail, len(s.checks)),
	}
	for i, c := range s.checks {
		d.Checks[i] = checkDetail{Name: c.name, Kind: c.kind.String(), Status: checkStatus(s.results[i])}
		if err := s.results[i]; err != nil {
			d.Checks[i].Error = err.Error()
		}
	}
	return d
}
