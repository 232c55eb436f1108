package engine

// Run is what a step's Apply may use of the operation it runs in.
type Run struct {
	Operation string // its id
	Consent   Consent
	// Report tells watchers how far the step is; p may be nil.
	Report func(message string, p *Progress)
}

// Progress reports m without a measure. It is safe on a nil Run.
func (r *Run) Progress(m string) {
	if r != nil && r.Report != nil {
		r.Report(m, nil)
	}
}
