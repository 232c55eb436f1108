package platform

import "fmt"

// Teleport is the way in and the router of public traffic (plan: Teleport Configuration, Traffic Flow).
type Teleport struct {
	// Edition that is installed.
	Edition Edition `json:"edition"`
	// Major version of Teleport, as its package repository has it.
	Major Count `json:"major"`
	// Organization on GitHub whose members may log in.
	GitHubOrganization Organization `json:"githubOrganization"`
	// Which team gets which roles. At least one: Teleport cannot see who owns an organization, only teams.
	Teams []TeamRoles `json:"teams" platform:"required"`
	// Ports on the Teleport VM.
	Ports TeleportPorts `json:"ports"`
	// Image that the VM is made of: Debian with cloud-init.
	Image Image `json:"image"`
}

// Edition is an edition of Teleport.
type Edition string

func (Edition) rule() rule { return oneOf("community") }

// TeamRoles gives a team its roles.
type TeamRoles struct {
	// Slug of the team, as in https://github.com/orgs/ORGANIZATION/teams/SLUG.
	Team Slug `json:"team" platform:"required"`
	// Roles of the team's members in Teleport. Default: platform-admin, access, editor and auditor.
	Roles []Slug `json:"roles"`
}

// TeleportPorts is the ports on the Teleport VM.
type TeleportPorts struct {
	// Where HAProxy takes TLS from the internet.
	HTTPS Port `json:"https"`
	// Where HAProxy takes HTTP from the internet, for the redirect to HTTPS.
	HTTP Port `json:"http"`
	// Where Teleport's proxy listens for HAProxy.
	Proxy Port `json:"proxy"`
	// Where Teleport's own SSH service listens.
	SSH Port `json:"ssh"`
}

func (t *Teleport) fill() {
	or(&t.Edition, "community")
	or(&t.Major, 18)
	or(&t.GitHubOrganization, "waddle-social")
	for i := range t.Teams {
		if t.Teams[i].Roles == nil {
			t.Teams[i].Roles = []Slug{"platform-admin", "access", "editor", "auditor"}
		}
	}
	or(&t.Ports.HTTPS, 443)
	or(&t.Ports.HTTP, 80)
	or(&t.Ports.Proxy, 3080)
	or(&t.Ports.SSH, 3022)
	t.Image.fill()
}

func (t *Teleport) check(f *faults) {
	const teams = "spec.teleport.teams"
	unique(f, "is a team that is listed twice: also {other}", "each team once, with all its roles", f.eachField(teams, "team", len(t.Teams)),
		func(i int) string { return string(t.Teams[i].Team) })
	for i, team := range t.Teams {
		unique(f, "is listed twice: also {other}", "each role once", f.each(fmt.Sprintf("%s[%d].roles", teams, i), len(team.Roles)),
			func(k int) string { return string(team.Roles[k]) })
	}
	t.Image.check("spec.teleport.image", f)
	distinct(f, []place[Port]{
		{"spec.teleport.ports.https", t.Ports.HTTPS},
		{"spec.teleport.ports.http", t.Ports.HTTP},
		{"spec.teleport.ports.proxy", t.Ports.Proxy},
		{"spec.teleport.ports.ssh", t.Ports.SSH},
	}, "is used twice on the Teleport VM: also {other}", "a port of its own for each service")
}
