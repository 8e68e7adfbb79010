## Pull images and scan them.

param images: list[str] = ["Nginx:1.27", "Redis:8"]

limit task:pull 2

task pull(image: str) -> archive: file {
  retry 3
  sh "skopeo copy docker://{{image}} docker-archive:{{archive}}"
}

task scan(archive: file) -> json {
  requires cpu = 2
  sh "trivy image --format json --input {{archive}}"
}

names = [i.lower() for i in images]
output findings = [scan(pull(n)) for n in names]
