"""The catalogue: one module a job, named as the job is, with one subclass of `mapreduce.Job`."""
