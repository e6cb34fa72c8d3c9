module github.com/skillbox-dev/skillbox/sdks/go

go 1.23
