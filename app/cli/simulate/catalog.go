package simulate

// gauge is a measured value that follows the state of its machine.
type gauge struct {
	metric, unit string
	// idle and run are where the value settles while the machine stands or runs.
	idle, run float64
	// lag is the time constant in seconds, noise the standard deviation.
	lag, noise float64
	// low and high are the expected range.
	low, high float64
	// limit is that of the alarm rule; a disturbance moves the value beyond it. 0 means
	// that there is no rule. A negative excursion is one to below the limit.
	limit, excursion float64
	decimals         int
}

// machineType is what machines of a kind have in common.
type machineType struct {
	id, name string
	gauges   []gauge
	// reasons are why it fails, the most frequent first.
	reasons []string
	// mtbf and mttr are the mean times between failures and to repair, in seconds of
	// running and standing.
	mtbf, mttr float64
	scrap      float64 // share of pieces
}

// product is something that a line makes.
type product struct {
	id, name string
	cycle    float64 // ideal seconds per piece
}

// lineType is a line: its machines in the order of the flow.
type lineType struct {
	line     string
	products []product
	machines []machineType
	// buffer is how many seconds of production fit between two machines.
	buffer float64
}

const (
	site = "dresden"
	area = "hall-1"
)

func temperature(idle, run, limit float64) gauge {
	return gauge{metric: "temperature", unit: "Cel", idle: idle, run: run, lag: 600, noise: 0.25, low: 15, high: limit - 4, limit: limit, excursion: 6, decimals: 1}
}

func power(idle, run float64) gauge {
	return gauge{metric: "power", unit: "kW", idle: idle, run: run, lag: 4, noise: run / 50, low: 0, high: run * 1.3, decimals: 2}
}

func pressure(run, limit float64) gauge {
	return gauge{metric: "pressure", unit: "bar", idle: run * 0.97, run: run, lag: 20, noise: 0.03, low: limit, high: run * 1.2, limit: limit, excursion: -0.7, decimals: 2}
}

func vibration(run, limit float64) gauge {
	return gauge{metric: "vibration", unit: "mm/s", idle: 0.2, run: run, lag: 3, noise: 0.12, low: 0, high: limit, limit: limit, excursion: 2.5, decimals: 2}
}

func speed(unit string, run float64) gauge {
	return gauge{metric: "speed", unit: unit, idle: 0, run: run, lag: 2, noise: run / 200, low: 0, high: run * 1.1, decimals: 1}
}

// lines is the plant. A larger one repeats it.
var lines = []lineType{
	{
		line: "bottling", buffer: 90,
		products: []product{{"water-05", "Water 0.5 l", 0.5}, {"cola-05", "Cola 0.5 l", 0.55}, {"juice-10", "Juice 1 l", 0.8}},
		machines: []machineType{
			{"filler", "Filler", []gauge{temperature(18, 12, 24), pressure(5.6, 4.8), speed("/min", 118), power(3, 21)}, []string{"Valve leaking", "Foam", "No product"}, 5400, 260, 0.004},
			{"capper", "Capper", []gauge{vibration(1.8, 4.5), speed("/min", 118), power(1, 7.5), temperature(22, 41, 60)}, []string{"Cap jam", "Cap missing", "Torque too low"}, 3600, 150, 0.008},
			{"labeller", "Labeller", []gauge{temperature(24, 152, 172), speed("/min", 118), power(1.5, 6), pressure(4.9, 4.2)}, []string{"Label jam", "Roll empty", "Glue temperature"}, 4200, 200, 0.012},
			{"packer", "Packer", []gauge{pressure(6.1, 5.2), speed("/min", 20), power(2, 11), vibration(2.1, 5)}, []string{"Carton jam", "Film torn", "Light barrier"}, 6000, 320, 0.003},
		},
	},
	{
		line: "machining", buffer: 240,
		products: []product{{"housing-a", "Housing A", 38}, {"flange-m", "Flange M", 52}},
		machines: []machineType{
			{"saw", "Saw", []gauge{vibration(2.6, 6), temperature(20, 46, 70), power(1, 9)}, []string{"Blade worn", "Bar feeder"}, 9000, 420, 0.005},
			{"mill", "Mill", []gauge{temperature(22, 58, 72), vibration(2.2, 5.5), power(3, 24), pressure(5.8, 5)}, []string{"Tool broken", "Coolant low", "Chip conveyor"}, 7200, 600, 0.018},
			{"lathe", "Lathe", []gauge{temperature(22, 54, 70), vibration(1.7, 5), power(2, 16)}, []string{"Chuck pressure", "Tool worn"}, 8400, 480, 0.014},
			{"washer", "Washer", []gauge{temperature(55, 62, 74), pressure(3.4, 2.6), power(4, 12)}, []string{"Filter clogged", "Level sensor"}, 12000, 360, 0.002},
		},
	},
}
