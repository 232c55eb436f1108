package schema

var (
	userid  = Params{"userid": formatted("pve-userid").upTo(64)}
	tokenid = Params{"tokenid": str().like(`([A-Za-z][A-Za-z0-9\.\-_]+)`)}
	roleid  = Params{"roleid": formatted("pve-roleid")}
	person  = Params{
		"comment":   str().upTo(2048).opt(),
		"email":     formatted("email-opt").upTo(254).opt(),
		"enable":    boolean().opt(),
		"expire":    integer().min(0).opt(),
		"firstname": str().upTo(1024).opt(),
		"groups":    formatted("pve-groupid-list").opt(),
		"keys":      str().like(`[0-9a-zA-Z!=]{0,4096}`).opt(),
		"lastname":  str().upTo(1024).opt(),
	}
	tokenInfo  = Params{"comment": str().opt(), "expire": integer().min(0).opt(), "privsep": boolean().opt()}
	ownToken   = OneOf{UserParam("self"), UserGroup{Privs: []string{"User.Modify"}}}
	allocUser  = UserParam("Realm.AllocateUser")
	rolesAdmin = perm("/access", "Sys.Modify")
)

var access = []Endpoint{
	get("/access", Everyone{}),
	get("/access/ticket", World{}),
	{Method: "POST", Path: "/access/ticket", Perm: World{}, NoToken: true, Params: Params{
		"new-format":    boolean().opt(),
		"otp":           str().opt(),
		"password":      str(),
		"path":          str().upTo(64).requires("privs").opt(),
		"privs":         formatted("pve-priv-list").upTo(64).requires("path").opt(),
		"realm":         formatted("pve-realm").upTo(32).opt(),
		"tfa-challenge": str().opt(),
		"username":      str().upTo(64),
	}},
	get("/access/acl", Everyone{}),
	put("/access/acl", Modify{"{path}"}, Params{
		"delete":    boolean().opt(),
		"groups":    formatted("pve-groupid-list").opt(),
		"path":      str(),
		"propagate": boolean().opt(),
		"roles":     formatted("pve-roleid-list"),
		"tokens":    formatted("pve-tokenid-list").opt(),
		"users":     formatted("pve-userid-list").opt(),
	}),
	get("/access/permissions", Everyone{}, Params{
		"path":   str().opt(),
		"userid": str().like(`(([^\s:/]+)\@([A-Za-z][A-Za-z0-9\.\-_]+)(?:!([A-Za-z][A-Za-z0-9\.\-_]+))?)`).opt(),
	}),
	get("/access/roles", Everyone{}),
	post("/access/roles", rolesAdmin, roleid, Params{"privs": formatted("pve-priv-list").opt()}),
	get("/access/roles/{roleid}", Everyone{}, roleid),
	put("/access/roles/{roleid}", rolesAdmin, roleid, Params{
		"append": boolean().requires("privs").opt(),
		"privs":  formatted("pve-priv-list").opt(),
	}),
	del("/access/roles/{roleid}", rolesAdmin, roleid),
	get("/access/users", Everyone{}, Params{"enabled": boolean().opt(), "full": boolean().opt()}),
	post("/access/users", AllOf{allocUser, UserGroup{Privs: []string{"User.Modify"}, Groups: "create"}}, userid, person,
		Params{"password": str().upTo(64).atLeast(8).opt()}),
	get("/access/users/{userid}", UserGroup{Privs: []string{"User.Modify", "Sys.Audit"}}, userid),
	put("/access/users/{userid}", UserGroup{Privs: []string{"User.Modify"}, Groups: "update"}, userid, person,
		Params{"append": boolean().requires("groups").opt()}),
	del("/access/users/{userid}", AllOf{allocUser, UserGroup{Privs: []string{"User.Modify"}}}, userid),
	get("/access/users/{userid}/token", ownToken, userid),
	get("/access/users/{userid}/token/{tokenid}", ownToken, userid, tokenid),
	post("/access/users/{userid}/token/{tokenid}", ownToken, userid, tokenid, tokenInfo),
	put("/access/users/{userid}/token/{tokenid}", ownToken, userid, tokenid, tokenInfo),
	del("/access/users/{userid}/token/{tokenid}", ownToken, userid, tokenid),
}
