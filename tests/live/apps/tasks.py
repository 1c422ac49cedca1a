"""A Celery application whose task fails until somebody mends it: the file `mended` is there then."""

import os

from celery import Celery
from celery.exceptions import Reject
from kombu import Exchange, Queue

app = Celery("tasks", broker=os.environ["BROKER"])
app.conf.update(
    task_queues=[Queue("tasks", Exchange(""), routing_key="tasks", no_declare=True)],
    task_default_queue="tasks",
    task_default_exchange="",
    task_default_routing_key="tasks",
    task_ignore_result=True,
    task_acks_late=True,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)


@app.task(bind=True)
def convert(self, number):
    if not os.path.exists("mended"):
        raise Reject(ValueError(f"cannot convert {number}"), requeue=False)
    with open("done", "a", encoding="utf-8") as done:
        done.write(f"{number}\n")


if __name__ == "__main__":
    for number in range(5):
        convert.delay(number)
