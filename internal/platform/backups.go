package platform

import "regexp"

// Backups is what is kept outside the cluster (plan: Infrastructure, Disaster Recovery).
type Backups struct {
	// Object storage that PostgreSQL's backups go to.
	ObjectStorage ObjectStorage `json:"objectStorage"`
	// PostgreSQL's base backups. The write-ahead log is archived all the time.
	Postgres PostgresBackups `json:"postgres"`
	// Snapshots of etcd on the host.
	Etcd EtcdBackups `json:"etcd"`
}

// ObjectStorage is an S3 bucket.
type ObjectStorage struct {
	// Address of the S3 service.
	Endpoint HTTPS `json:"endpoint"`
	// Region of the bucket.
	Region Label `json:"region"`
	// Name of the bucket. Default: the platform's name and -backups.
	Bucket Bucket `json:"bucket"`
}

// PostgresBackups is when base backups are made and how long they are kept.
type PostgresBackups struct {
	// When, in CloudNativePG's six fields: second, minute, hour, day of the month, month, day of the week.
	Schedule Schedule `json:"schedule"`
	// How long backups are kept.
	Retention Duration `json:"retention"`
}

// EtcdBackups is how often etcd is saved.
type EtcdBackups struct {
	// Time between two snapshots.
	Interval Duration `json:"interval"`
	// How many snapshots are kept.
	Keep Count `json:"keep"`
}

var scheduleRE = regexp.MustCompile(`^([0-9*,/-]+ ){5}([0-9*,/-]+|[A-Z]{3}(-[A-Z]{3})?)$`)

// Schedule is a cron expression with six fields.
type Schedule string

func (Schedule) rule() rule {
	return matching(scheduleRE, 100, "a schedule", "six fields: second, minute, hour, day of the month, month, day of the week", "0 0 3 * * *")
}

func (b *Backups) fill(name Label) {
	or(&b.ObjectStorage.Endpoint, "https://s3.fr-par.scw.cloud")
	or(&b.ObjectStorage.Region, "fr-par")
	or(&b.ObjectStorage.Bucket, Bucket(name)+"-backups")
	or(&b.Postgres.Schedule, "0 0 3 * * *")
	or(&b.Postgres.Retention, Duration(30*day))
	or(&b.Etcd.Interval, Duration(6*hour))
	or(&b.Etcd.Keep, 28)
}
