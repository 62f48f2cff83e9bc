package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"smart-factory-backend/app/control"
)

// statusPage returns the lines of a status page, which fit 80 columns. Rates are computed from the
// earlier status before; if that is nil they are unknown.
func statusPage(now control.Status, before *control.Status, colours palette) []string {
	return slices.Concat(summaryLines(now, colours), []string{""}, workerLines(now, before, colours))
}

// summaryLines returns the lines about the process as a whole.
func summaryLines(s control.Status, colours palette) []string {
	running := 0
	for _, w := range s.Workers {
		if w.State == "running" {
			running++
		}
	}
	version := program + " " + s.Version
	if commit := strings.TrimSuffix(s.Commit, "-modified"); !strings.Contains(s.Version, commit) { // a pseudo-version ends with the commit
		version += " (" + s.Commit + ")"
	}
	workers := fmt.Sprintf("workers %d/%d  GOMAXPROCS %d", running, s.WorkersWanted, s.GOMAXPROCS)
	if s.CPUQuota > 0 {
		workers += "  CPU quota " + strconv.FormatFloat(s.CPUQuota, 'g', 3, 64)
	}
	if s.DrainingGenerations > 0 {
		workers += fmt.Sprintf("  draining %d", s.DrainingGenerations)
	}
	if s.AbandonedGenerations > 0 {
		workers += colours.bad(fmt.Sprintf("  abandoned %d", s.AbandonedGenerations))
	}
	memory := fmt.Sprintf("memory %s  heap %s", formatBytes(s.Memory.RSS), formatBytes(s.Memory.Heap))
	if s.Memory.Limit > 0 {
		memory += "  limit " + formatBytes(s.Memory.Limit)
	}
	ready := colours.good("ready")
	if !s.Store.Ready {
		ready = colours.bad("not ready")
	}
	return []string{
		version,
		fmt.Sprintf("pid %d  up %s  %s  %s  log level %s", s.PID, formatSeconds(s.UptimeS), colours.state(s.State), s.Environment, s.LogLevel),
		"listening on " + s.Address,
		fmt.Sprintf("websockets %d  event streams %d", s.WebSockets, s.EventStreams),
		workers,
		memory,
		fmt.Sprintf("store %s %s  %s", s.Store.Engine, ready, formatBytes(uint64(max(s.Store.Bytes, 0)))),
		fmt.Sprintf("series %d  points %s since start  queued %d", s.Store.Series, formatCount(s.Store.Points), s.Store.Queued),
	}
}

// workerLines returns a heading, one line per worker and a line of totals.
func workerLines(now control.Status, before *control.Status, colours palette) []string {
	rows := [][]string{{"ID", "GEN", "STATE", "UPTIME", "RESTARTS", "PANICS", "CONNS", "IN FLIGHT", "REQ/S"}}
	var restarts, panics uint64
	var connections, inFlight int
	var total float64
	measured := false
	for _, w := range now.Workers {
		state := w.State
		if w.AdoptedBy != 0 {
			state = fmt.Sprintf("adopted by %d", w.AdoptedBy) // it has failed, whichever way
		}
		rate, known := requestRate(now, before, w)
		rows = append(rows, []string{
			strconv.Itoa(w.ID), strconv.Itoa(w.Generation), state, formatSeconds(w.UptimeS),
			strconv.FormatUint(w.Restarts, 10), strconv.FormatUint(w.Panics, 10),
			strconv.Itoa(w.Connections), strconv.Itoa(w.InFlight), formatRate(rate, known),
		})
		restarts, panics = restarts+w.Restarts, panics+w.Panics
		connections, inFlight = connections+w.Connections, inFlight+w.InFlight
		total, measured = total+rate, measured || known
	}
	rows = append(rows, []string{
		"all", "", "", "", strconv.FormatUint(restarts, 10), strconv.FormatUint(panics, 10),
		strconv.Itoa(connections), strconv.Itoa(inFlight), formatRate(total, measured),
	})
	return alignRows(rows, colours)
}

// requestRate returns the requests per second of a worker since before, timed
// by the uptime of the process. It is unknown for a worker that before lacks.
func requestRate(now control.Status, before *control.Status, w control.Worker) (rate float64, known bool) {
	if before == nil || before.PID != now.PID || now.UptimeS <= before.UptimeS {
		return 0, false
	}
	for _, old := range before.Workers {
		if old.ID == w.ID && old.RequestsTotal <= w.RequestsTotal {
			return float64(w.RequestsTotal-old.RequestsTotal) / (now.UptimeS - before.UptimeS), true
		}
	}
	return 0, false
}

// alignRows aligns the third column, the state, to the left and colours it, and
// aligns the others to the right.
func alignRows(rows [][]string, colours palette) []string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]string, len(rows))
	for r, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			cells[i] = padding + cell
			if i == 2 {
				if r > 0 {
					cell = colours.state(cell)
				}
				cells[i] = cell + padding
			}
		}
		lines[r] = strings.Join(cells, "  ")
	}
	return lines
}

func joinLines(lines []string) string { return strings.Join(lines, "\n") + "\n" }

func formatRate(rate float64, known bool) string {
	switch {
	case !known:
		return "-"
	case rate > 0 && rate < 10:
		return strconv.FormatFloat(rate, 'f', 1, 64)
	}
	return strconv.FormatFloat(rate, 'f', 0, 64)
}

// formatSeconds returns a duration in its two largest units.
func formatSeconds(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Truncate(time.Second)
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm %ds", minutes, int(d.Seconds())%60)
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}

func formatBytes(n uint64) string {
	value, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	if value < 10 && unit != "B" {
		return fmt.Sprintf("%.1f %s", value, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}

func formatCount(n uint64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1fG", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	}
	return strconv.FormatUint(n, 10)
}
