"""Long work in steps that survives its process: see `runner.Tasks` (design 9)."""

from device_manager.tasks.kinds import Interrupted, Progress, TaskKind
from device_manager.tasks.records import TaskPlan, TaskRecord, TaskState
from device_manager.tasks.runner import Tasks

__all__ = ["Interrupted", "Progress", "TaskKind", "TaskPlan", "TaskRecord", "TaskState", "Tasks"]
