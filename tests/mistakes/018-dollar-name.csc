## Back up some databases to a bucket.

param databases: list[str] = ["shop", "users"]
param bucket: str = "s3://backups"

task dump(database: str) -> archive: file {
  requires db = 1
  timeout 1h
  sh "pg_dump {{database}} | gzip > {{archive}}"
}

task upload(archive: file, bucket: str, name: str) {
  retry 5
  sh "aws s3 cp {{archive}} {{bucket}}/{{name}}.sql.gz"
}

limit db 1

for d in databases {
  upload(dump(d), $bucket, d)
}
