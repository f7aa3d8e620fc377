package bench

// What the tests of the parts look at.
var (
	CPUOf         = cpuOf
	Sectors       = sectors
	CPU           = cpu
	Resident      = resident
	ParseCounters = parseCounters
	Counters      = counters
	AlertScript   = alertScript
	AllClear      = allClear
	NewLoad       = newLoad
	NewExt4       = newExt4
	Bar           = bar
)

// Compare fills in the ratios.
func (r *Report) Compare() { r.compare() }

// Samples are those of the load, Records the rounds of its writes.
func (l *load) Samples() int { return l.samples }
func (l *load) Records() (n int) {
	for _, span := range l.spans {
		for _, b := range span {
			n += b.records
		}
	}
	return n
}

// Dir is where the disk is mounted, Written what went to its device, Remove
// takes it away.
func (d *ext4) Dir() string             { return d.dir }
func (d *ext4) Written() (int64, error) { return d.written() }
func (d *ext4) Remove() error           { return d.remove() }
