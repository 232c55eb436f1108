package platform

// Defaults returns a platform with every value of the plan. What the plan cannot
// know (public addresses, keys, teams) is empty, so it does not pass Validate.
func Defaults() *Platform { return (&Platform{}).WithDefaults() }

// WithDefaults returns a copy of p in which every value that is not set has the
// plan's value. It is idempotent and leaves p alone.
func (p *Platform) WithDefaults() *Platform {
	q := p.Clone()
	or(&q.APIVersion, APIVersion)
	or(&q.Kind, Kind)
	q.Metadata.fill()
	q.Spec.fill(q.Metadata.Name)
	return q
}

// fill goes from what others derive from to what is derived.
func (s *Spec) fill(name Label) {
	s.Host.fill()
	s.Network.fill(s.VMs.count(len(s.Network.Addresses.Nodes)))
	s.DNS.fill()
	s.TLS.fill()
	s.VMs.fill(&s.Network)
	s.Talos.fill(&s.Network)
	s.Storage.fill(&s.Host, &s.Network)
	s.Teleport.fill()
	s.Secrets.fill()
	s.GitOps.fill()
	s.Components.fill()
	s.Apps.fill(&s.DNS)
	s.Backups.fill(name)
	s.Lockdown.fill()
	s.Waddled.fill()
}
