module berth.bench/answer

go 1.24
